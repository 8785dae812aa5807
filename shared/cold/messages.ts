import { compareDecimals } from "#shared/ids/decimals.ts";
import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { highestOfEach, onceEach } from "./once-each.ts";
import { ENTRY_COLUMNS, type EntryRow, type RawRow, toEntryRow } from "./rows.ts";
import { chunksOf, idLiteral, numberLiteral, stringLiteral } from "./sql.ts";

export interface SeqKeys {
  conversationId: string;
  seqs: readonly number[];
}

/** Seqs from `fromSeq` to `toSeq`, both included. */
export interface SeqRange {
  conversationId: string;
  fromSeq: number;
  toSeq: number;
}

export interface EntryPage {
  conversationId: string;
  fromSeq?: number;
  toSeq?: number;
  limit: number;
  descending: boolean;
}

export interface MailboxSource {
  conversationId: string;
  /** Seqs that may be read, both ends included. */
  intervals: readonly (readonly [fromSeq: number, toSeq: number])[];
}

export interface MailboxPage {
  sources: readonly MailboxSource[];
  /** Only messages with a smaller id; null: from the newest. */
  beforeId: string | null;
  limit: number;
  /** Message kinds; all when not given. */
  kinds?: readonly string[];
}

/** Kinds of entries that are no message. */
const ENTRY_KINDS = "('edit', 'recall', 'reaction', 'member', 'update', 'mode')";
const KEYS_A_QUERY = 5_000;
const RANGES_A_QUERY = 200;
const MAX_SEQ = Number.MAX_SAFE_INTEGER;

type RawEntry = RawRow<EntryRow>;
interface RawKey {
  conversation_id: string;
  seq: string;
}

/** One key a seq, as `conversation:seq`. */
export const seqKey = (conversationId: string, seq: number | string): string => `${conversationId}:${seq}`;

const tuples = (keys: readonly SeqKeys[]): string[] =>
  keys.flatMap(({ conversationId, seqs }) => seqs.map((seq) => `(${idLiteral(conversationId)},${numberLiteral(seq)})`));

const within = ({ conversationId, fromSeq, toSeq }: SeqRange): string =>
  `(conversation_id = ${idLiteral(conversationId)} AND seq BETWEEN ${numberLiteral(fromSeq)} AND ${numberLiteral(toSeq)})`;

const newestSeqs = (client: ClickHouseClient, since: number): Promise<{ conversationId: string; seq: number }[]> =>
  ask(
    client,
    `SELECT conversation_id, max(seq) AS seq FROM tributary.messages WHERE at >= fromUnixTimestamp64Milli(${numberLiteral(since)}) GROUP BY conversation_id`,
    (raw: RawKey) => ({ conversationId: raw.conversation_id, seq: Number(raw.seq) }),
  );

/** Which of the entries are there, as a set of `seqKey`s. */
const existing = async (client: ClickHouseClient, keys: readonly SeqKeys[]): Promise<Set<string>> => {
  const found = new Set<string>();
  for (const chunk of chunksOf(tuples(keys), KEYS_A_QUERY)) {
    const query = `SELECT DISTINCT conversation_id, seq FROM tributary.messages WHERE (conversation_id, seq) IN (${chunk.join(",")})`;
    for (const key of await ask(client, query, (raw: RawKey) => seqKey(raw.conversation_id, raw.seq))) found.add(key);
  }
  return found;
};

const verify = async (client: ClickHouseClient, ranges: readonly SeqRange[]): Promise<Map<string, number>> => {
  const counts = new Map<string, number>(ranges.map(({ conversationId }) => [conversationId, 0]));
  for (const chunk of chunksOf(ranges, RANGES_A_QUERY)) {
    const query = `SELECT conversation_id, uniqExact(seq) AS n FROM tributary.messages WHERE ${chunk.map(within).join(" OR ")} GROUP BY conversation_id`;
    const rows = await ask(client, query, (raw: { conversation_id: string; n: string }) => raw);
    for (const { conversation_id, n } of rows) counts.set(conversation_id, (counts.get(conversation_id) ?? 0) + Number(n));
  }
  return counts;
};

/** A page is a few rows of one or two parts: more threads would only wait for each other. */
const ONE_THREAD = { max_threads: 1 };

/**
 * Seqs have no holes, so the page's rows are named by their seqs, and ClickHouse need not look where there are others of the conversation. Only where rows
 * lack, as seqs may jump after a disaster, it looks for what comes next.
 */
const page = async (
  client: ClickHouseClient,
  { conversationId, fromSeq = 0, toSeq = MAX_SEQ, limit, descending }: EntryPage,
): Promise<EntryRow[]> => {
  const order = descending ? "DESC" : "ASC";
  const select = (range: SeqRange, rest: string) =>
    ask<RawEntry, EntryRow>(
      client,
      `SELECT ${ENTRY_COLUMNS} FROM tributary.messages WHERE ${within(range)} ORDER BY conversation_id ${order}, seq ${order} ${rest}`,
      toEntryRow,
      {},
      ONE_THREAD,
    );
  const first = Math.max(1, fromSeq);
  const near = descending
    ? { fromSeq: Math.max(first, toSeq - limit + 1), toSeq }
    : { fromSeq: first, toSeq: Math.min(toSeq, first + limit - 1) };
  if (near.toSeq < MAX_SEQ) {
    const entries = highestOfEach(await select({ conversationId, ...near }, ""));
    if (entries.length === near.toSeq - near.fromSeq + 1) return entries;
  }
  return onceEach(limit, (take) => select({ conversationId, fromSeq, toSeq }, `LIMIT ${take}`));
};

const byKeys = async (client: ClickHouseClient, keys: readonly SeqKeys[]): Promise<EntryRow[]> => {
  const rows: EntryRow[] = [];
  for (const chunk of chunksOf(tuples(keys), KEYS_A_QUERY)) {
    const query = `SELECT ${ENTRY_COLUMNS} FROM tributary.messages WHERE (conversation_id, seq) IN (${chunk.join(",")})
      ORDER BY conversation_id, seq, revision DESC LIMIT 1 BY conversation_id, seq`;
    rows.push(...(await ask(client, query, toEntryRow)));
  }
  return rows;
};

/**
 * A condition for the sources' intervals that stays cheap for hundreds of conversations: the outer bounds by lookup, and the gaps
 * between intervals (few have any) cut out one by one.
 */
const readable = (sources: readonly MailboxSource[]): string => {
  const ids = sources.map(({ conversationId }) => idLiteral(conversationId)).join(",");
  const sorted = sources.map(({ intervals }) => intervals.toSorted((a, b) => a[0] - b[0]));
  const bound = (values: readonly number[]) =>
    `transform(conversation_id, [${ids}]::Array(UInt64), [${values.map(numberLiteral).join(",")}]::Array(UInt64), toUInt64(0))`;
  const first = bound(sorted.map((intervals) => intervals[0]![0]));
  const last = bound(sorted.map((intervals) => Math.max(...intervals.map(([, toSeq]) => toSeq))));
  const gaps = sorted.flatMap((intervals, i) =>
    intervals.slice(1).flatMap(([fromSeq], k) => {
      const end = Math.max(...intervals.slice(0, k + 1).map(([, toSeq]) => toSeq));
      if (end + 1 >= fromSeq) return [];
      return [`AND NOT ${within({ conversationId: sources[i]!.conversationId, fromSeq: end + 1, toSeq: fromSeq - 1 })}`];
    }),
  );
  return `conversation_id IN (${ids}) AND seq >= ${first} AND seq <= ${last} ${gaps.join(" ")}`;
};

/** Finds the newest keys over many conversations in narrow columns first, then reads those rows only. */
const mailbox = async (client: ClickHouseClient, { sources, beforeId, limit, kinds }: MailboxPage): Promise<EntryRow[]> => {
  const open = sources.filter(({ intervals }) => intervals.length > 0);
  if (kinds?.length === 0 || open.length === 0) return [];
  const before = beforeId === null ? "" : `AND message_id < ${idLiteral(beforeId)}`;
  const ofKind = kinds === undefined ? `kind NOT IN ${ENTRY_KINDS}` : `kind IN (${kinds.map(stringLiteral).join(",")})`;
  const read = (take: number) => {
    const query = `SELECT conversation_id, seq, message_id FROM tributary.messages WHERE ${readable(open)} ${before} AND ${ofKind}
      ORDER BY message_id DESC LIMIT ${take}`;
    return ask(client, query, (raw: RawKey & { message_id: string }) => ({ ...raw, revision: 0 }));
  };
  const newest = await onceEach(limit, read);
  const rows = await byKeys(
    client,
    newest.map(({ conversation_id, seq }) => ({ conversationId: conversation_id, seqs: [Number(seq)] })),
  );
  return rows.toSorted(newestFirst);
};

const newestFirst = (a: { message_id: string }, b: { message_id: string }): number => compareDecimals(b.message_id, a.message_id);

const countAt = async (client: ClickHouseClient, conversationId: string, seq: number): Promise<number | null> => {
  const query = `SELECT count FROM tributary.messages WHERE ${within({ conversationId, fromSeq: 0, toSeq: seq })}
    ORDER BY conversation_id DESC, seq DESC LIMIT 1`;
  const [count] = await ask(client, query, (raw: { count: string }) => Number(raw.count));
  return count ?? null;
};

/** Mailbox entries in ClickHouse. Every read gives each entry once, at its highest revision, also where a batch was inserted twice. */
export interface MessageStore {
  /** Which of the entries are there, as `conversation:seq`; any number of keys. */
  existingMessages(keys: readonly SeqKeys[]): Promise<Set<string>>;
  /** Distinct seqs within the bounds, both included. */
  countMessages(conversationId: string, fromSeq: number, toSeq: number): Promise<number>;
  /** Distinct seqs by conversation over ranges that do not overlap; 0 where nothing is. */
  verifyMessages(ranges: readonly SeqRange[]): Promise<Map<string, number>>;
  /** Entries of one conversation in seq order; bounds included. */
  entryPage(page: EntryPage): Promise<EntryRow[]>;
  /** Entries by seq, ascending; missing ones are left out. */
  entriesBySeq(conversationId: string, seqs: readonly number[]): Promise<EntryRow[]>;
  /** Entries of many conversations, by conversation and seq ascending. */
  entriesByKeys(keys: readonly SeqKeys[]): Promise<EntryRow[]>;
  /** `count` at the greatest seq not above the given one; null where there is none. */
  countAt(conversationId: string, seq: number): Promise<number | null>;
  /** Newest seq of each conversation that has entries since (Unix ms). */
  newestSeqs(since: number): Promise<{ conversationId: string; seq: number }[]>;
  /** Messages (no other entries) of many conversations, newest first by message id. */
  mailboxPage(page: MailboxPage): Promise<EntryRow[]>;
}

export const createMessageStore = (client: ClickHouseClient): MessageStore => ({
  existingMessages: (keys) => existing(client, keys),
  countMessages: async (conversationId, fromSeq, toSeq) =>
    (await verify(client, [{ conversationId, fromSeq, toSeq }])).get(conversationId) ?? 0,
  verifyMessages: (ranges) => verify(client, ranges),
  entryPage: (wanted) => page(client, wanted),
  entriesBySeq: (conversationId, seqs) => byKeys(client, [{ conversationId, seqs }]),
  entriesByKeys: (keys) => byKeys(client, keys),
  countAt: (conversationId, seq) => countAt(client, conversationId, seq),
  newestSeqs: (since) => newestSeqs(client, since),
  mailboxPage: (wanted) => mailbox(client, wanted),
});
