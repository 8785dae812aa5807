import { firstIdOf } from "#shared/ids/snowflake.ts";
import { keys } from "./keys.ts";
import { flags, parseIntervals, parseMember, type Member, type Stay } from "./member.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

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
  const rows = await spread<string>(hot, "standings", { keys: conversationIds.map(keys.head), each: 1, args: [user] });
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

const linesOf = (answer: unknown): string[] => (answer as string).split("\n");

/** Heads read in one call: a script of so many keeps others waiting for some 5 ms. */
const HEADS_A_CALL = 2_000;

/**
 * Derives unread counts from heads and read positions: stored nowhere, so they cannot drift. Up to 2,000 conversations are read at one moment (per
 * Redis node). With them comes what a list is ordered by.
 */
export async function unreadCounts(hot: Hot, user: string, conversationIds: readonly string[]): Promise<Activity[]> {
  const counts: Activity[] = [];
  for (let first = 0; first < conversationIds.length; first += HEADS_A_CALL) {
    const some = conversationIds.slice(first, first + HEADS_A_CALL);
    const rows = await spread<string>(hot, "unread", { keys: some.map(keys.head), each: 1, args: [user] }, linesOf);
    for (const [i, row] of rows.entries()) if (row !== "") counts.push(activityOf(some[i] as string, row));
  }
  return counts;
}

/** Reads "kind count last role joinedSeq joinedAt readSeq base flags mark". There are thousands of them, so they are cut and not parsed. */
function activityOf(conversationId: string, row: string): Activity {
  const count = row.indexOf(" ") + 1;
  const last = row.indexOf(" ", count) + 1;
  const record = row.indexOf(" ", last) + 1;
  const end = row.lastIndexOf(" ");
  const bits = row.lastIndexOf(" ", end - 1) + 1;
  const base = row.lastIndexOf(" ", bits - 2) + 1;
  const muted = (Number(row.slice(bits, end)) & flags.muted) !== 0;
  return {
    conversationId,
    unread: Math.max(0, Number(row.slice(count, last - 1)) - Number(row.slice(base, bits - 1))),
    counted: !muted && !row.startsWith("f"),
    active: row.charAt(last) === "c" ? firstIdOf(Number(row.slice(last + 1, record - 1))) : Number(row.slice(last, record - 1)),
  };
}

/** The sum of what counts. */
export const totalOf = (counts: readonly UnreadCount[]): number =>
  counts.reduce((sum, { unread, counted }) => sum + (counted ? unread : 0), 0);
