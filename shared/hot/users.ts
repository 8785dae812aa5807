import { randomBytes } from "node:crypto";
import { gathered } from "#shared/run/gather.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";
import type { Here, NodeConnections } from "#shared/wire/ports.ts";

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
  /** Of the last step that was taken for its ordinal, digits. */
  ordinal: string;
}

export interface UserState {
  /** Offset of the newest pointer. */
  offset: number;
  /** Pointers up to this offset are no longer hot. */
  base: number;
  epoch: string;
  /** Nodes that the user is said to be online on. */
  nodes: string[];
  connections: NodeConnections[];
  records: Map<string, InboxRecord>;
}

/** Times are written short: a user's hash stays packed while its values are. */
const TIME_BASE = 36;

const connectionsText = (connections: Omit<NodeConnections, "node"> | null): string =>
  connections === null ? "" : `${connections.oldest.toString(TIME_BASE)}:${connections.count}`;

function parseConnections(text: string): NodeConnections[] {
  if (text === "") return [];
  return text.split(",").map((one) => {
    const [node = "", oldest = "", count] = one.split(":");
    return { node, oldest: Number.parseInt(oldest, TIME_BASE), count: Number(count) };
  });
}

const states = { a: "active", w: "ownFeed", f: "follower", x: "former" } as const;

/** A record as a user's hash has it under the conversation's id. */
export function parseInboxRecord(conversationId: string, text: string): InboxRecord {
  const [state, last, joined, readBegin, readOffset, ever, ordinal = "0"] = text.split(" ");
  return {
    conversationId,
    state: states[state as keyof typeof states],
    last: Number(last),
    joined: Number(joined),
    readBegin: Number(readBegin),
    readOffset: Number(readOffset),
    everRead: ever === "1",
    ordinal,
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const EPOCH = 8;
/** Random bytes for the next epochs: each user who comes is offered one, few take it. */
let chance = Buffer.alloc(0);

/** A new epoch: 8 random letters and digits. */
export function newEpoch(): string {
  if (chance.length < EPOCH) chance = randomBytes(4_096);
  let epoch = "";
  for (const byte of chance.subarray(0, EPOCH)) epoch += alphabet.charAt(byte % alphabet.length);
  chance = chance.subarray(EPOCH);
  return epoch;
}

/** One user's part of the attach script. */
interface Attending {
  user: string;
  letter: "r" | "a" | "s" | "d";
  node: string;
  connections: string;
}

/** Users in one script: a crowd that comes at once does not make others wait. */
const MOST_ATTENDING = 32;
const gatherers = new WeakMap<Hot, (one: Attending) => Promise<string>>();

/** Many come and go at once: what waits is one call. */
function attend(hot: Hot, one: Attending): Promise<string> {
  let gather = gatherers.get(hot);
  if (gather === undefined) {
    gather = gathered((all) => attendAll(hot, all), MOST_ATTENDING);
    gatherers.set(hot, gather);
  }
  return gather(one);
}

async function attendAll(hot: Hot, all: readonly Attending[]): Promise<string[]> {
  const args = all.flatMap(({ letter, node, connections }) => [letter, node, connections, newEpoch()]);
  const touched = all.map(({ user }) => keys.user(user));
  return [...(await spread<string>(hot, "attach", { keys: touched, each: 1, args: [Date.now()], own: args }))];
}

/** Reads a user's state; with `here`, notes that the user is online there. */
export async function userState(hot: Hot, user: string, here: Here | null = null): Promise<UserState> {
  const letter = here === null ? "r" : "a";
  const lines = await attend(hot, { user, letter, node: here?.node ?? "", connections: connectionsText(here?.connections ?? null) });
  const flat = lines.split("\n");
  const state: UserState = { offset: 0, base: 0, epoch: "", nodes: [], connections: [], records: new Map() };
  for (let i = 0; i < flat.length; i += 2) {
    const field = flat[i] as string;
    const value = flat[i + 1] as string;
    if (field === "o") state.offset = Number(value);
    else if (field === "b") state.base = Number(value);
    else if (field === "e") state.epoch = value;
    else if (field === "on") state.nodes = value === "" ? [] : value.split(",");
    else if (field === "c") state.connections = parseConnections(value);
    else if (field >= "0" && field < ":") state.records.set(field, parseInboxRecord(field, value));
  }
  return state;
}

/** A connection of the user on a node is gone: `left` is what there is of the user, null when nothing. Resolves to the connections on all nodes. */
export async function wentOffline(
  hot: Hot,
  user: string,
  node: string,
  left: Pick<Here, "connections"> | null = null,
): Promise<NodeConnections[]> {
  const letter = left === null ? "d" : "s";
  const connections = await attend(hot, { user, letter, node, connections: connectionsText(left?.connections ?? null) });
  return parseConnections(connections);
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
  const rows = await spread<string[]>(hot, "inboxes", {
    keys: ranges.flatMap(({ user }) => [keys.user(user), keys.inbox(user)]),
    each: 2,
    own: ranges.flatMap(({ from, to }) => [from, to]),
  });
  return rows.map(([offset, base, epoch, first, ...pointers]) => ({
    offset: Number(offset),
    base: Number(base),
    epoch: epoch ?? "",
    first: Number(first),
    pointers,
  }));
}
