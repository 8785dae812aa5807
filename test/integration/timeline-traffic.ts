import { keys, partitionOf } from "#shared/hot/keys.ts";
import { commitSends } from "#shared/hot/commits.ts";
import { deliverOps, type InboxOp } from "#shared/hot/deliveries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Stay } from "#shared/hot/member.ts";
import { createSnowflake, type Snowflake } from "#shared/ids/snowflake.ts";
import { entryPointer, eventPointer } from "#shared/wire/pointer.ts";
import type { EntryLetter } from "#shared/wire/entry.ts";

interface Logged {
  seq: number;
  letter: EntryLetter;
  id: string;
  kind: string;
  mode: "w" | "r";
  /** Of a member entry. */
  joined?: string;
  left?: string;
}

/** A conversation as the test knows it: the oracle. */
export interface Known {
  id: string;
  all: boolean;
  log: Logged[];
  mode: "w" | "r";
  stays: Map<string, Stay[]>;
  /** Entries whose fan-out is done; −1: not even the creation. */
  delivered: number;
  ids: Snowflake;
  lastId: string;
}

const LARGEST = 500;
const holds = (stays: readonly Stay[] | undefined, seq: number): boolean =>
  (stays ?? []).some(({ joined, left }) => joined < seq && seq <= left);
export const isIn = (known: Known, user: string): boolean => known.stays.get(user)?.at(-1)?.left === Number.POSITIVE_INFINITY;
const outbox = (id: string): string => keys.outbox(partitionOf(id));
const noEvent = '{"type":"conversation"}';

/** Seqs of what a user's stays hold, and of what they may read in the history. */
export const stayed = (known: Known, user: string): Logged[] => known.log.filter(({ seq }) => holds(known.stays.get(user), seq));
export const readable = (known: Known, user: string): Logged[] => (known.all && isIn(known, user) ? known.log : stayed(known, user));

/** Drives conversations through the real scripts and remembers what they must have made. */
export function createTraffic(hot: Hot) {
  let number = 0;

  /** @param lag ms that the clock of its message ids is behind: fan-out then finds ids below the inbox's last key */
  async function create(id: string, users: readonly string[], { all = false, lag = 0, kind = "g" } = {}): Promise<Known> {
    const [owner = ""] = users;
    const args = [id, kind, "epoch001", Date.now(), owner, "title", all ? "a" : "j", "o", "", owner, LARGEST, ...users];
    await hot.run("create", [keys.head(id), keys.order(id), outbox(id)], args);
    const stays = new Map(users.map((user) => [user, [{ joined: 0, left: Number.POSITIVE_INFINITY }]]));
    const ids = createSnowflake({ worker: number++ % 1_024, now: () => Date.now() - lag });
    return { id, all, log: [], mode: "w", stays, delivered: -1, ids, lastId: "0" };
  }

  const nextId = (known: Known): string => (known.lastId = known.lastId === "0" ? known.ids.next() : known.ids.nextAbove(known.lastId));
  const log = (known: Known, entry: Omit<Logged, "seq">): number => known.log.push({ seq: known.log.length + 1, ...entry });

  async function send(known: Known, user: string, kind = "text", size = 4): Promise<void> {
    const digest = String(number++).padStart(12, "0");
    const id = nextId(known);
    const body = JSON.stringify({ text: "x".repeat(size) });
    const fields = `"from":"${user}","kind":"${kind}","body":${body},"clientMsgId":"${digest}"`;
    const [result] = await commitSends(hot, [[known.id, [{ user, digest, id, countable: true, fields }]]], 1);
    if (!result?.startsWith("1 ")) throw new Error(`not committed: ${result}`);
    log(known, { letter: "m", id, kind, mode: known.mode });
  }

  async function member(known: Known, user: string, script: "join" | "leave"): Promise<void> {
    const id = nextId(known);
    const next = nextId(known);
    const touched = [keys.head, keys.mailbox, keys.order, keys.past].map((key) => key(known.id));
    const args = [known.id, user, script, id, next, Date.now(), LARGEST, script === "join" ? 1_000 : 0, user];
    const [result] = (await hot.run(
      script,
      [...touched, outbox(known.id), keys.leavers(known.id), keys.operation(known.id, id)],
      args,
    )) as string[];
    if (result !== "ok") throw new Error(`${script}: ${result}`);
    const seq = log(known, { letter: "b", id, kind: "", mode: known.mode, [script === "join" ? "joined" : "left"]: user });
    const stays = known.stays.getOrInsertComputed(user, () => []);
    const last = stays.at(-1);
    if (script === "join") stays.push({ joined: seq, left: Number.POSITIVE_INFINITY });
    else if (last !== undefined) last.left = seq;
  }

  /** Follows or unfollows a feed, which writes no entry, and tells the inbox. */
  async function follow(known: Known, user: string, on: boolean): Promise<void> {
    await deliverAll([known]);
    const touched = [keys.head, keys.mailbox, keys.order, keys.past].map((key) => key(known.id));
    const id = nextId(known);
    const args = [known.id, user, on ? "follow" : "leave", id, nextId(known), Date.now(), LARGEST, 1_000, user];
    await hot.run(on ? "join" : "leave", [...touched, outbox(known.id), keys.leavers(known.id), keys.operation(known.id, id)], args);
    const seq = known.log.length;
    const stays = known.stays.getOrInsertComputed(user, () => []);
    const last = stays.at(-1);
    if (on) stays.push({ joined: seq, left: Number.POSITIVE_INFINITY });
    else if (last !== undefined) last.left = seq;
    const extra = `${on ? "+" : "-"} ${++number} ${known.mode}`;
    await deliver(hot, known.id, [{ letter: "F", seq, extra, pointers: [], users: [user] }]);
  }

  async function switchMode(known: Known): Promise<void> {
    const id = nextId(known);
    const mode = known.mode === "w" ? "r" : "w";
    const args = [known.id, mode, id, LARGEST];
    const [, seq] = (await hot.run(
      "mode",
      [keys.head(known.id), keys.mailbox(known.id), outbox(known.id), keys.operation(known.id, id)],
      args,
    )) as string[];
    if (Number(seq) !== known.log.length + 1) throw new Error(`mode: ${seq}`);
    log(known, { letter: "o", id, kind: "", mode: known.mode });
    known.mode = mode;
  }

  /** Fan-out of the next entry of a conversation into the inboxes that it belongs to. */
  async function deliverNext(known: Known): Promise<void> {
    const ops: OpOfUsers[] = [];
    const { id } = known;
    const members = (seq: number) => [...known.stays].filter(([, stays]) => holds(stays, seq)).map(([user]) => user);
    const joined = (seq: number, mode: string, users: string[]) =>
      ops.push({ letter: "J", seq, extra: `a ${mode}`, pointers: [eventPointer("J", id, seq, 1, mode as "w", noEvent)], users });
    known.delivered++;
    const entry = known.log[known.delivered - 1];
    if (entry === undefined) {
      joined(
        0,
        "w",
        [...known.stays].filter(([, stays]) => stays[0]?.joined === 0).map(([user]) => user),
      );
    } else {
      const { seq, letter, mode } = entry;
      if (entry.joined !== undefined) joined(seq, mode, [entry.joined]);
      const pointer = entryPointer(letter, id, seq, seq, entry.id);
      const ids = `${entry.id} ${entry.id}`;
      if (mode === "w") ops.push({ letter: letter === "o" ? "B" : "E", seq, extra: ids, pointers: [pointer], users: members(seq) });
      else if (letter === "o") ops.push({ letter: "W", seq, extra: "", pointers: [], users: members(seq) });
      if (entry.left !== undefined)
        ops.push({ letter: "L", seq, extra: "", pointers: [eventPointer("L", id, seq, 1, "-", noEvent)], users: [entry.left] });
    }
    await deliver(hot, id, ops);
  }

  async function deliverAll(all: readonly Known[]): Promise<void> {
    for (const known of all) while (known.delivered < known.log.length) await deliverNext(known);
  }

  return {
    create,
    send,
    join: (k: Known, u: string) => member(k, u, "join"),
    leave: (k: Known, u: string) => member(k, u, "leave"),
    follow,
    switchMode,
    deliverNext,
    deliverAll,
  };
}

interface OpOfUsers extends Omit<InboxOp, "conversationId"> {
  users: string[];
}

async function deliver(hot: Hot, conversationId: string, given: readonly OpOfUsers[]): Promise<void> {
  const users = [...new Set(given.flatMap((one) => one.users))];
  if (users.length === 0) return;
  const ops = given.map(({ letter, seq, extra, pointers }): InboxOp => ({ letter, conversationId, seq, extra, pointers }));
  const wanted = users.map((user): [string, number[]] => [user, given.flatMap((one, i) => (one.users.includes(user) ? [i + 1] : []))]);
  for (const { gaps } of await deliverOps(hot, ops, wanted, false)) if (gaps.length > 0) throw new Error(`gaps: ${JSON.stringify(gaps)}`);
}

export type Traffic = ReturnType<typeof createTraffic>;
