import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { newEpoch } from "#shared/hot/users.ts";
import type { PushBatch } from "#shared/wire/record.ts";

/** Users in one script: a few milliseconds of Redis, so that others wait no longer. */
const MOST_USERS = 400;

export interface Op {
  letter: "E" | "B" | "W" | "J" | "L" | "F" | "V";
  conversationId: string;
  seq: number;
  /** '' for ops that put nothing. */
  pointer: string;
  /** Message id of an entry, else ''. */
  id: string;
  /** See deliver.lua. */
  extra: string;
}

/** A step of an inbox that did not fit: entries before it are missing there. */
export interface Gap {
  user: string;
  op: Op;
}

/** What one batch of records means for inboxes and rooms, in order. */
export class Plan {
  readonly ops: Op[] = [];
  readonly #byUser = new Map<string, number[]>();
  readonly rooms: PushBatch["rooms"] = [];

  /** Adds an op for all the users given. */
  add(op: Op, users: Iterable<string>): void {
    this.ops.push(op);
    const number = this.ops.length;
    for (const user of users) {
      const numbers = this.#byUser.get(user);
      if (numbers === undefined) this.#byUser.set(user, [number]);
      else numbers.push(number);
    }
  }

  /** An entry for the room of a conversation; consecutive ones become one step. */
  room(conversationId: string, seq: number, ended: boolean): void {
    const last = this.rooms.at(-1);
    if (last !== undefined && last[0] === conversationId && last[2] === seq - 1 && last[3] === 0) {
      last[2] = seq;
      last[3] = ended ? 1 : 0;
    } else {
      this.rooms.push([conversationId, seq, seq, ended ? 1 : 0]);
    }
  }

  /** The same for these users alone, without rooms. */
  only(users: ReadonlySet<string>): Plan {
    const part = new Plan();
    part.ops.push(...this.ops);
    for (const user of users) part.#byUser.set(user, this.#byUser.get(user) ?? []);
    return part;
  }

  users(): [string, number[]][] {
    return [...this.#byUser];
  }
}

export interface Delivered {
  pushes: Map<string, PushBatch["inbox"]>;
  gaps: Gap[];
  /** Pointers written. */
  written: number;
}

/** Writes a plan into inboxes. Repeating it changes nothing. An inbox that has no epoch yet is given one. */
export async function deliver(hot: Hot, plan: Plan, archive: boolean): Promise<Delivered> {
  const delivered: Delivered = { pushes: new Map(), gaps: [], written: 0 };
  const users = plan.users();
  for (let first = 0; first < users.length; first += MOST_USERS) {
    await deliverSome(hot, plan, users.slice(first, first + MOST_USERS), archive, delivered);
  }
  return delivered;
}

async function deliverSome(hot: Hot, plan: Plan, users: [string, number[]][], archive: boolean, delivered: Delivered): Promise<void> {
  const { ops, numbers } = usedOps(plan, users);
  const scriptKeys: string[] = [];
  const args: (string | number)[] = [newEpoch(), archive ? 1 : 0, ops.length];
  for (const { letter, conversationId, seq, pointer, id, extra } of ops) args.push(letter, conversationId, seq, pointer, id, extra);
  for (const [user, list] of users) {
    scriptKeys.push(keys.user(user), keys.inbox(user));
    args.push(user, list.map((number) => numbers.get(number)).join(" "));
  }
  scriptKeys.push(keys.deliveries);
  const results = (await hot.run("deliver", scriptKeys, args)) as string[];
  for (const [i, result] of results.entries()) {
    const [user, list] = users[i] as [string, number[]];
    const [first = "", appended = "", nodes = "", gaps = ""] = result.split("|");
    for (const gap of gaps.split(" ")) if (gap !== "") delivered.gaps.push({ user, op: ops[Number(gap) - 1] as Op });
    const put = appended === "*" ? list.map((number) => numbers.get(number) as number) : appended.split(" ").filter(Boolean).map(Number);
    delivered.written += put.length;
    // Where nothing was put, another try has put it and may have ended before its push: the nodes are told how far the inbox is.
    if (nodes === "") continue;
    const pointers = put.map((number) => (ops[number - 1] as Op).pointer);
    for (const node of nodes.split(",")) delivered.pushes.getOrInsertComputed(node, () => []).push([user, Number(first), pointers]);
  }
}

/** The ops that these users need, numbered anew from 1. */
function usedOps(plan: Plan, users: [string, number[]][]): { ops: Op[]; numbers: Map<number, number> } {
  const numbers = new Map<number, number>();
  const ops: Op[] = [];
  for (const [, list] of users) {
    for (const number of list) {
      if (numbers.has(number)) continue;
      ops.push(plan.ops[number - 1] as Op);
      numbers.set(number, ops.length);
    }
  }
  return { ops, numbers };
}
