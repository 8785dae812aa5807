import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
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
export async function deliverOps(
  hot: Hot,
  ops: readonly InboxOp[],
  users: readonly (readonly [user: string, numbers: readonly number[]])[],
  archive: boolean,
): Promise<Written[]> {
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
  touched.push(keys.deliveries);
  const results = (await hot.run("deliver", touched, args)) as string[];
  return results.map((result, i) => writtenOf(result, ops, users[i]?.[1] ?? []));
}

function writtenOf(result: string, ops: readonly InboxOp[], numbers: readonly number[]): Written {
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

const parts = (text: string): string[] => (text === "" ? [] : text.split(" "));
