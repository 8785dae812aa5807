import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { type InboxStore, createInboxStore } from "./inbox.ts";
import { type MessageStore, createMessageStore } from "./messages.ts";
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

/**
 * Inserts into ClickHouse. One call is one block, so it is there in full or not at all in each month's partition; give it thousands
 * of rows, not single ones. The promise resolves when the rows are stored. A batch may be inserted again: reads show each row once.
 */
export interface Inserts {
  insertMessages(rows: readonly MessageRow[]): Promise<void>;
  insertInbox(rows: readonly InboxRow[]): Promise<void>;
  insertConversations(rows: readonly ConversationRow[]): Promise<void>;
  insertMembers(rows: readonly MemberRow[]): Promise<void>;
  insertRelations(rows: readonly RelationRow[]): Promise<void>;
  insertSessions(rows: readonly SessionRow[]): Promise<void>;
}

/** The cold tier: the only home of ClickHouse queries for messages and inboxes. */
export interface ColdStore extends Inserts, MessageStore, InboxStore {
  bytes(): Promise<TableSize[]>;
}

const ONE_BLOCK = { max_insert_block_size: "1048576", min_insert_block_size_rows: "1048576", max_insert_threads: "1" } as const;

const insert = async (client: ClickHouseClient, table: string, rows: readonly { at: number }[]): Promise<void> => {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({ ...row, at: clickHouseTime(row.at) }));
  await client.insert({ table: `tributary.${table}`, values, format: "JSONEachRow", clickhouse_settings: ONE_BLOCK });
};

const createInserts = (client: ClickHouseClient): Inserts => ({
  insertMessages: (rows) => insert(client, "messages", rows),
  insertInbox: (rows) => insert(client, "inbox", rows),
  insertConversations: (rows) =>
    insert(
      client,
      "conversations",
      rows.map((row) => ({ ...row, created_at: clickHouseTime(row.created_at) })),
    ),
  insertMembers: (rows) => insert(client, "members", rows),
  insertRelations: (rows) => insert(client, "relations", rows),
  insertSessions: (rows) => insert(client, "sessions", rows),
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
  bytes: () => sizes(client),
});
