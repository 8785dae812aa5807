import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { INBOX_COLUMNS, type InboxRow, toInbox } from "./rows.ts";
import { chunksOf, idLiteral, numberLiteral, stringLiteral } from "./sql.ts";

export interface OffsetKeys {
  user: string;
  offsets: readonly number[];
}

/** Offsets from `fromOffset` to `toOffset`, both included. */
export interface OffsetRange {
  user: string;
  fromOffset: number;
  toOffset: number;
}

export interface InboxPage {
  user: string;
  /** Only pointers with a smaller timeline key; null: from the newest. */
  beforeKey: string | null;
  limit: number;
  /** Bounds of the offset, both included. */
  minOffset?: number;
  maxOffset?: number;
}

const KEYS_A_QUERY = 5_000;
const RANGES_A_QUERY = 200;

type RawInbox = Parameters<typeof toInbox>[0];

/** One key an offset, as `user offset` (user ids hold no blanks). */
export const offsetKey = (user: string, offset: number | string): string => `${user} ${offset}`;

const within = ({ user, fromOffset, toOffset }: OffsetRange): string =>
  `(user = ${stringLiteral(user)} AND offset BETWEEN ${numberLiteral(fromOffset)} AND ${numberLiteral(toOffset)})`;

const existing = async (client: ClickHouseClient, keys: readonly OffsetKeys[]): Promise<Set<string>> => {
  const tuples = keys.flatMap(({ user, offsets }) => offsets.map((offset) => `(${stringLiteral(user)},${numberLiteral(offset)})`));
  const found = new Set<string>();
  for (const chunk of chunksOf(tuples, KEYS_A_QUERY)) {
    const query = `SELECT DISTINCT user, offset FROM tributary.inbox WHERE (user, offset) IN (${chunk.join(",")})`;
    for (const key of await ask(client, query, (raw: { user: string; offset: string }) => offsetKey(raw.user, raw.offset))) found.add(key);
  }
  return found;
};

const verify = async (client: ClickHouseClient, ranges: readonly OffsetRange[]): Promise<Map<string, number>> => {
  const counts = new Map<string, number>(ranges.map(({ user }) => [user, 0]));
  for (const chunk of chunksOf(ranges, RANGES_A_QUERY)) {
    const query = `SELECT user, uniqExact(offset) AS n FROM tributary.inbox WHERE ${chunk.map(within).join(" OR ")} GROUP BY user`;
    const rows = await ask(client, query, (raw: { user: string; n: string }) => raw);
    for (const { user, n } of rows) counts.set(user, (counts.get(user) ?? 0) + Number(n));
  }
  return counts;
};

const page = (client: ClickHouseClient, { user, beforeKey, limit, minOffset = 0, maxOffset = Number.MAX_SAFE_INTEGER }: InboxPage) => {
  const before = beforeKey === null ? "" : `AND timeline_key < ${idLiteral(beforeKey)}`;
  const bounds = within({ user, fromOffset: minOffset, toOffset: maxOffset });
  const query = `SELECT ${INBOX_COLUMNS} FROM tributary.inbox FINAL WHERE ${bounds} AND type = 'message' ${before}
    ORDER BY timeline_key DESC, offset DESC LIMIT ${numberLiteral(limit)}`;
  return ask(client, query, (raw: RawInbox) => toInbox(raw));
};

const range = (client: ClickHouseClient, wanted: OffsetRange & { limit: number }): Promise<InboxRow[]> => {
  const query = `SELECT ${INBOX_COLUMNS} FROM tributary.inbox FINAL WHERE ${within(wanted)} ORDER BY user, offset LIMIT ${numberLiteral(wanted.limit)}`;
  return ask(client, query, (raw: RawInbox) => toInbox(raw));
};

/** Inboxes in ClickHouse. Every read gives each offset once, the row inserted last, also where a batch was inserted twice. */
export interface InboxStore {
  /** Which of the offsets are there, as `user offset`; any number of keys. */
  existingInbox(keys: readonly OffsetKeys[]): Promise<Set<string>>;
  /** Distinct offsets within the bounds, both included. */
  countInbox(user: string, fromOffset: number, toOffset: number): Promise<number>;
  /** Distinct offsets by user over ranges that do not overlap; 0 where nothing is. */
  verifyInbox(ranges: readonly OffsetRange[]): Promise<Map<string, number>>;
  /** Message pointers of a user, newest first by timeline key. */
  inboxPage(page: InboxPage): Promise<InboxRow[]>;
  /** Everything in an inbox within the bounds, by offset ascending. */
  inboxRange(range: OffsetRange & { limit: number }): Promise<InboxRow[]>;
}

export const createInboxStore = (client: ClickHouseClient): InboxStore => ({
  existingInbox: (keys) => existing(client, keys),
  countInbox: async (user, fromOffset, toOffset) => (await verify(client, [{ user, fromOffset, toOffset }])).get(user) ?? 0,
  verifyInbox: (ranges) => verify(client, ranges),
  inboxPage: (wanted) => page(client, wanted),
  inboxRange: (wanted) => range(client, wanted),
});
