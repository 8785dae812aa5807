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

/** Derives unread counts from heads and read positions at one moment (per Redis node): stored nowhere, so they cannot drift. */
export async function unreadCounts(hot: Hot, user: string, conversationIds: readonly string[]): Promise<UnreadCount[]> {
  if (conversationIds.length === 0) return [];
  const rows = (await hot.run("totals", conversationIds.map(keys.head), [user])) as string[];
  return rows.flatMap((row, i) => {
    const [count, kind, ...record] = row.split(" ");
    const member = row === "" ? null : parseMember(record.join(" "));
    if (member === null) return [];
    return [
      {
        conversationId: conversationIds[i] as string,
        unread: Math.max(0, Number(count) - member.base),
        counted: !member.muted && kind !== "f",
      },
    ];
  });
}

/** The sum of what counts. */
export const totalOf = (counts: readonly UnreadCount[]): number =>
  counts.reduce((sum, { unread, counted }) => sum + (counted ? unread : 0), 0);
