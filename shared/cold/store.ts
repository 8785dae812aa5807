import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { type DimensionKeys, createDimensionKeys } from "./dimensions.ts";
import { type InboxStore, createInboxStore } from "./inbox.ts";
import { type MessageStore, createMessageStore } from "./messages.ts";
import { type PartitionStore, createPartitionStore } from "./partitions.ts";
import {
  type ConversationRow,
  type InboxRow,
  type MemberRow,
  type MessageRow,
  type RelationRow,
  type SessionRow,
  clickHouseTime,
} from "./rows.ts";

/** A table's size as the tiers view shows it; rows before deduplication, bytes on disk. */
export interface TableSize {
  table: string;
  rows: number;
  bytes: number;
  parts: number;
}

export interface InsertOptions {
  /** Names the batch: of inserts into a table with the same token only the first has an effect, also where an answer was lost and the first is still under way. */
  token?: string;
  /** Ends the wait; the insert may take place all the same. */
  signal?: AbortSignal;
}

type Insert<Row> = (rows: readonly Row[], options?: InsertOptions) => Promise<void>;

/**
 * Inserts into ClickHouse. One call is one block, so it is there in full or not at all in each month's partition; give it thousands
 * of rows, not single ones. The promise resolves when the rows are stored. A batch may be inserted again: reads show each row once.
 */
export interface Inserts {
  insertMessages: Insert<MessageRow>;
  insertInbox: Insert<InboxRow>;
  insertConversations: Insert<ConversationRow>;
  insertMembers: Insert<MemberRow>;
  insertRelations: Insert<RelationRow>;
  insertSessions: Insert<SessionRow>;
}

/** The cold tier: the only home of ClickHouse queries for messages and inboxes. */
export interface ColdStore extends Inserts, MessageStore, InboxStore, DimensionKeys, PartitionStore {
  bytes(): Promise<TableSize[]>;
}

const ONE_BLOCK = { max_insert_block_size: "1048576", min_insert_block_size_rows: "1048576", max_insert_threads: "1" } as const;

const insert = async (
  client: ClickHouseClient,
  table: string,
  rows: readonly { at: number }[],
  { token, signal }: InsertOptions = {},
): Promise<void> => {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({ ...row, at: clickHouseTime(row.at) }));
  const settings = token === undefined ? ONE_BLOCK : { ...ONE_BLOCK, insert_deduplication_token: token };
  const wait = signal === undefined ? {} : { abort_signal: signal };
  await client.insert({ table: `tributary.${table}`, values, format: "JSONEachRow", clickhouse_settings: settings, ...wait });
};

const createInserts = (client: ClickHouseClient): Inserts => ({
  insertMessages: (rows, options) => insert(client, "messages", rows, options),
  insertInbox: (rows, options) => insert(client, "inbox", rows, options),
  insertConversations: (rows, options) => {
    const values = rows.map((row) => ({ ...row, created_at: clickHouseTime(row.created_at) }));
    return insert(client, "conversations", values, options);
  },
  insertMembers: (rows, options) => insert(client, "members", rows, options),
  insertRelations: (rows, options) => insert(client, "relations", rows, options),
  insertSessions: (rows, options) => insert(client, "sessions", rows, options),
});

const sizes = (client: ClickHouseClient): Promise<TableSize[]> =>
  ask(
    client,
    `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts FROM system.parts
     WHERE database = 'tributary' AND active GROUP BY table ORDER BY table`,
    (raw: Record<keyof TableSize, string>) => ({
      table: raw.table,
      rows: Number(raw.rows),
      bytes: Number(raw.bytes),
      parts: Number(raw.parts),
    }),
  );

/** Opens the store over a client that the caller keeps and disposes. */
export const createColdStore = (client: ClickHouseClient): ColdStore => ({
  ...createInserts(client),
  ...createMessageStore(client),
  ...createInboxStore(client),
  ...createDimensionKeys(client),
  ...createPartitionStore(client),
  bytes: () => sizes(client),
});
