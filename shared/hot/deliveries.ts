import type { PushBatch } from "#shared/wire/record.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { bySlot } from "./spread.ts";
import { newEpoch } from "./users.ts";

/** A step of inboxes as the deliver script takes it, see deliver.lua. */
export interface InboxOp {
  letter: "E" | "B" | "W" | "J" | "L" | "F" | "V";
  conversationId: string;
  /** Of the first pointer. */
  seq: number;
  extra: string;
  pointers: string[];
}

/** What the script did with the ops of one user. */
export interface Written {
  /** Offset of the first pointer written, or the one that the next would have had. */
  first: number;
  pointers: string[];
  /** Where the user is online. */
  nodes: string[];
  /** Ops that did not fit, as entries before them are missing in the inbox. */
  gaps: InboxOp[];
}

/**
 * Gives users their ops, each in the order of its numbers (from 1). Repeating it changes nothing. An inbox that has no epoch yet is given one.
 * @param archive true if the archive is to have rows of what is written
 * @returns what came of it, by user in the order given
 */
export async function deliverOps(hot: Hot, ops: readonly InboxOp[], users: readonly Recipient[], archive: boolean): Promise<Written[]> {
  if (!hot.cluster) return deliverHere(hot, ops, users, archive);
  const found: Written[] = [];
  await Promise.all(
    [...bySlot(users.map(([user]) => keys.user(user))).values()].map(async (numbers) => {
      const part = callOf(
        ops,
        numbers.map((i) => users[i] as Recipient),
      );
      for (const [i, written] of (await deliverHere(hot, part.ops, part.users, archive)).entries()) found[numbers[i] as number] = written;
    }),
  );
  return found;
}

/** A user with the numbers, from 1, of the ops they get. */
export type Recipient = readonly [user: string, numbers: readonly number[]];

/** A call for some users: the ops that they need, numbered from 1 anew. */
export function callOf(ops: readonly InboxOp[], users: readonly Recipient[]): { ops: InboxOp[]; users: Recipient[] } {
  const renumbered = new Map<number, number>();
  const needed: InboxOp[] = [];
  const number = (old: number): number => renumbered.getOrInsertComputed(old, () => needed.push(ops[old - 1] as InboxOp));
  return { users: users.map(([user, numbers]) => [user, numbers.map(number)]), ops: needed };
}

/** The same for users of one Redis node (one slot on a cluster). */
async function deliverHere(hot: Hot, ops: readonly InboxOp[], users: readonly Recipient[], archive: boolean): Promise<Written[]> {
  const touched: string[] = [];
  const args: (string | number)[] = [newEpoch(), archive ? 1 : 0, ops.length];
  for (const { letter, conversationId, seq, extra, pointers } of ops) {
    args.push(letter, conversationId, seq, extra, pointers.length);
    for (const pointer of pointers) args.push(pointer);
  }
  for (const [user, numbers] of users) {
    touched.push(keys.user(user), keys.inbox(user));
    args.push(user, numbers.join(" "));
  }
  touched.push(keys.deliveries(users[0]?.[0] ?? ""));
  const results = (await hot.run("deliver", touched, args)) as string[];
  return results.map((result, i) => writtenOf(result, ops, users[i]?.[1] ?? []));
}

/** Reads what deliver.lua says of one user, who was to get the ops of these numbers. */
export function writtenOf(result: string, ops: readonly InboxOp[], numbers: readonly number[]): Written {
  const [first = "", appended = "", nodes = "", gaps = ""] = result.split("|");
  const opOf = (number: number | string): InboxOp => ops[Number(number) - 1] as InboxOp;
  const pointers: string[] = [];
  if (appended === "*") for (const number of numbers) for (const pointer of opOf(number).pointers) pointers.push(pointer);
  else
    for (const part of parts(appended)) {
      const [number = "", last] = part.split(":");
      const all = opOf(number).pointers;
      pointers.push(...(last === undefined ? all : all.slice(-Number(last))));
    }
  return { first: Number(first), pointers, nodes: nodes === "" ? [] : nodes.split(","), gaps: parts(gaps).map(opOf) };
}

/** What the nodes are told that have a user online. Without pointers they are told how far the inbox is: another try may have ended before its push. */
export function addPush(pushes: Map<string, PushBatch["inbox"]>, user: string, { first, pointers, nodes }: Omit<Written, "gaps">): void {
  for (const node of nodes) pushes.getOrInsertComputed(node, () => []).push([user, first, pointers]);
}

const parts = (text: string): string[] => (text === "" ? [] : text.split(" "));
