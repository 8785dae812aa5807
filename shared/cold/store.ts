import { Readable } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { type DimensionKeys, createDimensionKeys } from "./dimensions.ts";
import { type InboxStore, createInboxStore } from "./inbox.ts";
import { addInbox, addMessage, INBOX_FIELDS, MESSAGE_FIELDS } from "./encode.ts";
import { type MessageStore, createMessageStore } from "./messages.ts";
import { type PartitionStore, createPartitionStore } from "./partitions.ts";
import { RowBlock } from "./row-block.ts";
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

type Insert<Rows> = (rows: Rows, options?: InsertOptions) => Promise<void>;

/**
 * Inserts into ClickHouse. One call is one block, so it is there in full or not at all in each month's partition; give it thousands
 * of rows, not single ones. The promise resolves when the rows are stored. A batch may be inserted again: reads show each row once.
 */
export interface Inserts {
  insertMessages: Insert<readonly MessageRow[] | RowBlock>;
  insertInbox: Insert<readonly InboxRow[] | RowBlock>;
  insertConversations: Insert<readonly ConversationRow[]>;
  insertMembers: Insert<readonly MemberRow[]>;
  insertRelations: Insert<readonly RelationRow[]>;
  insertSessions: Insert<readonly SessionRow[]>;
}

/** The cold tier: the only home of ClickHouse queries for messages and inboxes. */
export interface ColdStore extends Inserts, MessageStore, InboxStore, DimensionKeys, PartitionStore {
  bytes(): Promise<TableSize[]>;
}

/** One block is one part. Repeats of a row are told apart by reads, and skip indexes are made by the first merge: small parts are read whole as fast. */
const ONE_BLOCK = {
  max_insert_block_size: "1048576",
  min_insert_block_size_rows: "1048576",
  max_insert_threads: "1",
  optimize_on_insert: 0,
  materialize_skip_indexes_on_insert: "0",
} as const;

/** Settings and signal of one insert. */
const waysOf = ({ token, signal }: InsertOptions) => ({
  clickhouse_settings: token === undefined ? ONE_BLOCK : { ...ONE_BLOCK, insert_deduplication_token: token },
  ...(signal === undefined ? {} : { abort_signal: signal }),
});

const insert = async (
  client: ClickHouseClient,
  table: string,
  rows: readonly { at: number }[],
  options: InsertOptions = {},
): Promise<void> => {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({ ...row, at: clickHouseTime(row.at) }));
  await client.insert({ table: `tributary.${table}`, values, format: "JSONEachRow", ...waysOf(options) });
};

/** The two large tables take rows in binary: half of what JSON costs on both sides. */
const insertBlock =
  <Row>(
    client: ClickHouseClient,
    table: string,
    fields: string,
    add: (block: RowBlock, row: Row) => void,
  ): Insert<readonly Row[] | RowBlock> =>
  async (rows, options = {}) => {
    const block = rows instanceof RowBlock ? rows : blockOf(rows, add);
    if (block.rows === 0) return;
    const query = `INSERT INTO tributary.${table} (${fields}) FORMAT RowBinary`;
    const { stream } = await client.exec({ query, values: Readable.from([block.body()], { objectMode: false }), ...waysOf(options) });
    await stream.resume().toArray();
  };

function blockOf<Row>(rows: readonly Row[], add: (block: RowBlock, row: Row) => void): RowBlock {
  const block = new RowBlock();
  for (const row of rows) add(block, row);
  return block;
}

const createInserts = (client: ClickHouseClient): Inserts => ({
  insertMessages: insertBlock(client, "messages", MESSAGE_FIELDS, addMessage),
  insertInbox: insertBlock(client, "inbox", INBOX_FIELDS, addInbox),
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
