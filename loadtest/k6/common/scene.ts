import exec from "k6/execution";
import { createDevice, type Device } from "./device.ts";
import type { Place } from "./found.ts";
import { failed, violated } from "./metrics.ts";
import { settings } from "./settings.ts";
import { createTalk, type Talk } from "./talk.ts";
import { eachOf, until } from "./time.ts";

/** The sockets of one VU in their conversations. */
export interface Scene {
  talk: Talk;
  devices: Device[];
  places: Place[];
  /** The conversations that a device is in. */
  idsOf: (device: Device) => readonly string[];
  /** Someone says something somewhere: each conversation in turn, each of its members that is online in turn. */
  sayNext: () => void;
  /** Waits until all that was sent is answered and with everyone who is owed it, counts what is not, and closes. */
  settle: () => Promise<void>;
}

/** Whether a conversation is one of this VU's. */
export const isMine = ({ vu }: Place): boolean => vu === 0 || vu === exec.vu.idInTest;

/** Connects all of this VU's people. `people` are those who are its own, where conversations are shared with other VUs. */
export async function openScene(all: readonly Place[], people?: readonly string[]): Promise<Scene> {
  const talk = createTalk();
  const own = people === undefined ? null : new Set(people);
  const places = all.filter(isMine).map((place) => ({ ...place, members: place.members.filter((user) => own?.has(user) ?? true) }));
  const byUser = new Map<string, Device>();
  const ids = new Map<string, string[]>();
  for (const { id, start, members } of places) {
    talk.audience(id, members.length);
    for (const user of members) {
      const device = byUser.get(user) ?? createDevice(user, talk.heard);
      byUser.set(user, device);
      device.witness.expect(id, start);
      ids.set(user, [...(ids.get(user) ?? []), id]);
    }
  }
  const devices = [...byUser.values()];
  await eachOf(devices, 50, async (device) => void (await device.connect()));
  return {
    talk,
    devices,
    places,
    idsOf: ({ user }) => ids.get(user) ?? [],
    sayNext: sayingIn(places, byUser, talk),
    settle: () => settle(places, byUser, talk),
  };
}

function sayingIn(places: readonly Place[], devices: ReadonlyMap<string, Device>, talk: Talk): () => void {
  const turns = places.map(() => 0);
  let next = 0;
  const speakerIn = (at: number): Device | null => {
    const { members } = places[at] as Place;
    for (let tried = 0; tried < members.length; tried++) {
      const turn = (turns[at] as number) % members.length;
      turns[at] = turn + 1;
      const device = devices.get(members[turn] as string);
      if (device?.online() === true) return device;
    }
    return null;
  };
  return () => {
    for (let tried = 0; tried < places.length; tried++) {
      const at = next++ % places.length;
      const device = speakerIn(at);
      if (device !== null) return talk.say(device, (places[at] as Place).id);
    }
  };
}

async function settle(places: readonly Place[], devices: ReadonlyMap<string, Device>, talk: Talk): Promise<void> {
  const waiting = (): Device[] => [...devices.values()].filter((device) => device.online() && device.waiting() > 0);
  // Who was closed by the server is an error already, and is owed nothing before coming back.
  const lacks = (device: Device | undefined, id: string): number =>
    device?.online() === true ? device.witness.lacks(id, talk.headOf(id)) : 0;
  const complete = (): boolean =>
    waiting().length === 0 && places.every(({ id, members }) => members.every((user) => lacks(devices.get(user), id) === 0));
  await until(complete, settings.settle * 1_000);
  for (const device of waiting()) failed(`${device.user} has no answer to ${device.waiting()} calls after ${settings.settle} s`);
  for (const { id, members } of places) {
    for (const user of members) {
      const count = lacks(devices.get(user), id);
      if (count > 0) violated("missing", `${user} never got ${count} of the ${talk.headOf(id)} entries of ${id}`);
    }
  }
  for (const device of devices.values()) device.drop();
}
