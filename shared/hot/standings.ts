import { firstIdOf } from "#shared/ids/snowflake.ts";
import { keys } from "./keys.ts";
import { parseIntervals, parseMember, type Member, type Stay } from "./member.ts";
import type { Hot } from "./redis.ts";

/** Where a user stands in one conversation, read from its head at one moment. */
export interface Standing {
  conversationId: string;
  seq: number;
  count: number;
  lastId: string;
  mode: "w" | "r";
  kind: "s" | "g" | "f" | "v";
  /** Seq of the newest message, 0 if there is none. */
  newest: number;
  base: number;
  createdAt: number;
  members: number;
  member: Member | null;
  readIntervals: Stay[];
  epoch: string;
  historyAll: boolean;
}

/** Reads the heads of many conversations in one call; those that do not exist are left out. */
export async function standings(hot: Hot, user: string, conversationIds: readonly string[]): Promise<Standing[]> {
  if (conversationIds.length === 0) return [];
  const rows = (await hot.run("standings", conversationIds.map(keys.head), [user])) as string[];
  return rows.flatMap((row, i) => (row === "" ? [] : [parseStanding(conversationIds[i] as string, row)]));
}

function parseStanding(conversationId: string, row: string): Standing {
  const [head = "", member = "", intervals = "", epoch = "", history] = row.split("|");
  const [seq, count, lastId = "0", mode, kind, newest, base, createdAt, members] = head.split(" ");
  return {
    conversationId,
    seq: Number(seq),
    count: Number(count),
    lastId,
    mode: mode as "w" | "r",
    kind: kind as Standing["kind"],
    newest: Number(newest),
    base: Number(base),
    createdAt: Number(createdAt),
    members: Number(members),
    member: parseMember(member),
    readIntervals: parseIntervals(intervals),
    epoch,
    historyAll: history === "a",
  };
}

/** One conversation's part in a user's unread counts. */
export interface UnreadCount {
  conversationId: string;
  unread: number;
  /** False for muted conversations and feeds, which no total includes. */
  counted: boolean;
}

/** Where a conversation stands in a user's list. */
export interface Activity extends UnreadCount {
  /** Rises with the time of the last entry or of the creation; a message id, to the precision of a double. */
  active: number;
}

/** Derives unread counts from heads and read positions at one moment (per Redis node): stored nowhere, so they cannot drift. */
export async function unreadCounts(hot: Hot, user: string, conversationIds: readonly string[]): Promise<UnreadCount[]> {
  const rows = await unreadRows(hot, user, conversationIds, false);
  return rows.flatMap((row, i) => (row === "" ? [] : [unreadOf(conversationIds[i] as string, row)]));
}

/** The same, with what a list is ordered by. */
export async function activities(hot: Hot, user: string, conversationIds: readonly string[]): Promise<Activity[]> {
  const rows = await unreadRows(hot, user, conversationIds, true);
  return rows.flatMap((row, i) => {
    if (row === "") return [];
    const space = row.indexOf(" ");
    const last = row.slice(space + 1);
    const active = last.startsWith("c") ? firstIdOf(Number(last.slice(1))) : Number(last);
    return [{ ...unreadOf(conversationIds[i] as string, row.slice(0, space)), active }];
  });
}

async function unreadRows(hot: Hot, user: string, conversationIds: readonly string[], active: boolean): Promise<string[]> {
  if (conversationIds.length === 0) return [];
  return ((await hot.run("unread", conversationIds.map(keys.head), [user, active ? 1 : 0])) as string).split("\n");
}

function unreadOf(conversationId: string, text: string): UnreadCount {
  const counted = !text.startsWith("-");
  return { conversationId, unread: Number(counted ? text : text.slice(1)), counted };
}

/** The sum of what counts. */
export const totalOf = (counts: readonly UnreadCount[]): number =>
  counts.reduce((sum, { unread, counted }) => sum + (counted ? unread : 0), 0);
