/** One group too big to be copied, read through its channel by everyone online: time to the last socket. */
import exec from "k6/execution";
import { absentOf, foundHuge, peopleOf, prepare, type Place } from "./common/found.ts";
import { counted, optionsOf } from "./common/metrics.ts";
import { openScene } from "./common/scene.ts";
import { number, settings, sizeOf } from "./common/settings.ts";
import { pace, until } from "./common/time.ts";

const size = sizeOf({ sockets: 1_000, rate: 2, seconds: 30, socketsPerVu: 2_000 });
const members = number("LOAD_MEMBERS", Math.max(2 * size.sockets, 600), 3, 100_000);
export const options = optionsOf(size, ["ack_time", "delivery_time", "time_to_last"]);
export { handleSummary } from "./common/summary.ts";

interface Given {
  tag: string;
  place: Place;
}

export async function setup(): Promise<Given> {
  const tag = await prepare();
  const online = peopleOf(tag, size).flatMap(({ people }) => people);
  return { tag, place: foundHuge({ kind: "group", vu: 0, members: online, absent: absentOf(members, online.length) }) };
}

/**
 * VUs share nothing but the group, so they meet in it: each says `ready` once its sockets are open, the first one talks when it has heard all of them,
 * and ends with `last`, by which the others know that they have heard everything.
 */
export default function hugeGroup({ tag, place }: Given): Promise<void> {
  return counted(async () => {
    const vu = exec.vu.idInTest;
    const own = peopleOf(tag, size)[vu - 1]?.people ?? [];
    const { talk, sayNext, devices, settle } = await openScene([place], own);
    const [speaker] = devices;
    if (speaker === undefined) throw new Error(`VU ${vu} has nobody to connect: more sockets, or fewer VUs`);
    talk.say(speaker, place.id, "ready");
    if (vu === 1) {
      if (!(await until(() => talk.count("ready") === size.vus, 60_000))) throw new Error("not all VUs were ready within a minute");
      await pace(size.rate, size.seconds, sayNext);
      await until(() => devices.every((device) => device.waiting() === 0), settings.settle * 1_000);
      talk.say(speaker, place.id, "last");
    }
    const longest = 60 + size.seconds + 2 * settings.settle;
    if (!(await until(() => talk.count("last") === 1, longest * 1_000))) throw new Error(`the last message never came to VU ${vu}`);
    await settle();
  });
}
