import { State } from "centrifuge";
import { MAX_RECOVERED_ENTRIES, type Conversation } from "#shared/wire/values.ts";
import type { HttpCalls } from "./http-calls.ts";
import type { Random } from "./random.ts";
import { createDevice, freshId, group, type Device, type Sent } from "./sdk-device.ts";
import { until } from "./until.ts";

/** A message that was acknowledged, or is still on its way. */
export interface Said {
  conversationId: string;
  user: string;
  text: string;
  clientMsgId: string;
  ack: Sent | null;
}

/**
 * People who talk all the time, each in their own order, and try again with the same clientMsgId until they are answered. Nobody who is away misses
 * more than recovery gives back, so whatever a device lacks in the end was lost.
 */
export interface Chatter extends AsyncDisposable {
  readonly devices: readonly Device[];
  readonly conversations: readonly Conversation[];
  readonly said: readonly Said[];
  /** How often the server answered with an error meanwhile, by its code. */
  readonly refusals: ReadonlyMap<number, number>;
  /** Highest seq that each user has said to have read, by "user conversation". */
  readonly readSeqs: ReadonlyMap<string, number>;
  acknowledged(): number;
  /** Waits until so many more are acknowledged, or until something else is enough. */
  more(n: number, ms?: number, enough?: () => boolean): Promise<void>;
  /** Ends the talk when everything under way is acknowledged. */
  stop(): Promise<void>;
}

export const USERS = ["ann", "bob", "cid", "dan", "eve"] as const;
/** With this FANOUT_WRITE_MAX the three have a group in write mode, and the five one in read mode. */
export const SMALL = "4";

/** Recovery gives up to MAX_RECOVERED_ENTRIES; so far behind, those who are there wait for one that is away. */
const MOST_MISSED = MAX_RECOVERED_ENTRIES / 2;
/** Codes below this are the SDK's own: the connection was away. */
const SERVER_CODES = 100;

/** Brings the users online and opens a single, a group in write mode and one in read mode. Talk begins with the first `more`. */
export async function startChatter(stage: HttpCalls & { socket(): string }, random: Random): Promise<Chatter> {
  const devices = USERS.map((user) => createDevice({ socket: stage.socket(), user, token: () => stage.token(user) }));
  await Promise.all(devices.map((device) => device.connect()));
  const [ann] = devices as [Device];
  const { conversation: single } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "bob" });
  const conversations = [single, await group(ann, "Three", ["bob", "cid"]), await group(ann, "Five", USERS.slice(1))];
  const membersOf = [USERS.slice(0, 2), USERS.slice(0, 3), USERS] as readonly (readonly string[])[];
  const said: Said[] = [];
  const refusals = new Map<number, number>();
  const readSeqs = new Map<string, number>();
  /** Acknowledged messages by conversation. */
  const acked = new Map<string, number>();
  let stopping = false;
  let acks = 0;

  /** Tries until there is an answer; a refusal that does not pass by itself ends the talk. */
  async function insist<T>(device: Device, method: string, params: object): Promise<T> {
    for (;;) {
      try {
        return await device.rpc<T>(method, params);
      } catch (thrown) {
        const { code, temporary } = thrown as { code?: number; temporary?: boolean };
        if (code === undefined) throw thrown;
        if (code >= SERVER_CODES) refusals.set(code, (refusals.get(code) ?? 0) + 1);
        if (code >= SERVER_CODES && temporary !== true) throw new Error(`${method} was refused with ${code}`, { cause: thrown });
        await device.connected().catch(() => undefined);
      }
    }
  }

  const ownOf = (user: string) => conversations.filter((_, i) => membersOf[i]?.includes(user) === true);
  const wellBehind = (device: Device) =>
    device.client.state !== State.Connected &&
    ownOf(device.user).reduce((sum, { id }) => sum + (acked.get(id) ?? 0) - device.heard(id).length, 0) > MOST_MISSED;

  async function talk(device: Device): Promise<void> {
    const own = ownOf(device.user);
    for (let n = 1; !stopping; n++) {
      await Promise.all(devices.filter(wellBehind).map((other) => other.connected().catch(() => undefined)));
      const { id } = random.pick(own);
      const one: Said = { conversationId: id, user: device.user, text: `${device.user} ${n}`, clientMsgId: freshId(), ack: null };
      said.push(one);
      const { conversationId, clientMsgId, text } = one;
      one.ack = await insist<Sent>(device, "message.send", { conversationId, clientMsgId, kind: "text", body: { text } });
      acks++;
      acked.set(id, (acked.get(id) ?? 0) + 1);
      if (random.between(1, 10) === 1) await readSome(device, id, one.ack.seq);
    }
  }

  async function readSome(device: Device, conversationId: string, upTo: number): Promise<void> {
    const seq = random.between(1, upTo);
    const key = `${device.user} ${conversationId}`;
    readSeqs.set(key, Math.max(seq, readSeqs.get(key) ?? 0));
    await insist(device, "message.read", { conversationId, seq });
  }

  let talking: Promise<unknown> | null = null;
  let failure: unknown = null;
  const start = () => {
    talking ??= Promise.all(devices.map(talk)).catch((thrown: unknown) => {
      failure = thrown;
    });
  };
  const stop = async () => {
    stopping = true;
    await talking;
    if (failure !== null) throw failure;
  };
  return {
    devices,
    conversations,
    said,
    refusals,
    readSeqs,
    acknowledged: () => acks,
    async more(n, ms = 60_000, enough = () => false) {
      start();
      const wanted = acks + n;
      await until(
        () => acks >= wanted || failure !== null || enough(),
        ms,
        () => `${wanted} acknowledgements, there are ${acks}`,
      );
      if (failure !== null) throw failure;
    },
    stop,
    async [Symbol.asyncDispose]() {
      stopping = true;
      for (const device of devices) device[Symbol.dispose]();
      await Promise.resolve();
    },
  };
}
