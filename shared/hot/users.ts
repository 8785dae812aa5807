import { randomInt } from "node:crypto";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";

/** How a user stands towards a conversation, as their inbox knows it: this follows the inbox, the head of the conversation may be further on. */
export interface InboxRecord {
  conversationId: string;
  state: "active" | "ownFeed" | "follower" | "former";
  /** Seq up to which the inbox holds the conversation (in read mode: where read mode began for the user). */
  last: number;
  joined: number;
  /** Where the user's present channel of the conversation begins, −1 in write mode. */
  readBegin: number;
  /** Inbox offset at which it began. */
  readOffset: number;
  /** True if any part of it was never copied to the inbox. */
  everRead: boolean;
}

export interface UserState {
  /** Offset of the newest pointer. */
  offset: number;
  /** Pointers up to this offset are no longer hot. */
  base: number;
  epoch: string;
  records: Map<string, InboxRecord>;
}

const states = { a: "active", w: "ownFeed", f: "follower", x: "former" } as const;

function parseInboxRecord(conversationId: string, text: string): InboxRecord {
  const [state, last, joined, readBegin, readOffset, ever] = text.split(" ");
  return {
    conversationId,
    state: states[state as keyof typeof states],
    last: Number(last),
    joined: Number(joined),
    readBegin: Number(readBegin),
    readOffset: Number(readOffset),
    everRead: ever === "1",
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A new epoch: 8 random letters and digits. */
export const newEpoch = (): string => Array.from({ length: 8 }, () => alphabet.charAt(randomInt(alphabet.length))).join("");

/** Reads a user's state; with a node, notes that the user is online there. */
export async function userState(hot: Hot, user: string, node: string | null = null): Promise<UserState> {
  const flat = (await hot.run("attach", [keys.user(user)], [node ?? "", newEpoch(), Date.now()])) as string[];
  const state: UserState = { offset: 0, base: 0, epoch: "", records: new Map() };
  for (let i = 0; i < flat.length; i += 2) {
    const field = flat[i] as string;
    const value = flat[i + 1] as string;
    if (field === "o") state.offset = Number(value);
    else if (field === "b") state.base = Number(value);
    else if (field === "e") state.epoch = value;
    else if (field >= "0" && field < ":") state.records.set(field, parseInboxRecord(field, value));
  }
  return state;
}

/** The user's last connection on a node is gone. */
export async function wentOffline(hot: Hot, user: string, node: string): Promise<void> {
  await hot.run("detach", [keys.user(user)], [node]);
}

/** Conversations of a user's lists and totals: those that they are in, their own feed among them, followed feeds not. */
export const listed = (state: UserState): string[] =>
  [...state.records.values()]
    .filter((record) => record.state === "active" || record.state === "ownFeed")
    .map((record) => record.conversationId);

/** The same as `listed` of the user's state, without reading all of it. */
export async function listedIds(hot: Hot, user: string): Promise<string[]> {
  const ids = (await hot.run("listed", [keys.user(user), keys.lists(user)], [])) as string;
  return ids === "" ? [] : ids.split(" ");
}

export interface PointerRange {
  offset: number;
  base: number;
  epoch: string;
  /** Offset of the first pointer given. */
  first: number;
  pointers: string[];
}

/** Hot pointers of an inbox, from and to included; without `to` up to the end. */
export async function hotPointers(hot: Hot, user: string, from: number, to = -1): Promise<PointerRange> {
  const [offset, base, epoch, first, ...pointers] = (await hot.run(
    "pointers",
    [keys.user(user), keys.inbox(user)],
    [from, to],
  )) as string[];
  return { offset: Number(offset), base: Number(base), epoch: epoch ?? "", first: Number(first), pointers };
}

export interface InboxRange {
  user: string;
  from: number;
  /** Included. */
  to: number;
}

/** Hot pointers of many inboxes in one call; the ranges' answers in their order. */
export async function hotInboxes(hot: Hot, ranges: readonly InboxRange[]): Promise<PointerRange[]> {
  if (ranges.length === 0) return [];
  const rows = (await hot.run(
    "inboxes",
    ranges.flatMap(({ user }) => [keys.user(user), keys.inbox(user)]),
    ranges.flatMap(({ from, to }) => [from, to]),
  )) as string[][];
  return rows.map(([offset, base, epoch, first, ...pointers]) => ({
    offset: Number(offset),
    base: Number(base),
    epoch: epoch ?? "",
    first: Number(first),
    pointers,
  }));
}
