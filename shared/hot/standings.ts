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

/** Unread counts of conversations that are not muted and not feeds, greater than 0, and their sum. */
export interface Unread {
  total: number;
  conversations: Record<string, number>;
}

/** Derives unread counts from heads and read positions at one moment (per Redis node): stored nowhere, so they cannot drift. */
export async function unreadOf(hot: Hot, user: string, conversationIds: readonly string[]): Promise<Unread> {
  const unread: Unread = { total: 0, conversations: {} };
  if (conversationIds.length === 0) return unread;
  const rows = (await hot.run("totals", conversationIds.map(keys.head), [user])) as string[];
  for (const [i, row] of rows.entries()) {
    if (row === "") continue;
    const [count, kind, ...record] = row.split(" ");
    const member = parseMember(record.join(" "));
    const some = Math.max(0, Number(count) - (member?.base ?? 0));
    if (member === null || member.muted || kind === "f" || some === 0) continue;
    unread.conversations[conversationIds[i] as string] = some;
    unread.total += some;
  }
  return unread;
}
