import { hash } from "node:crypto";
import { conversationKey, memberKey, relationKey, sessionKey } from "#shared/cold/dimensions.ts";
import { inboxKeyOf, messageKeyOf } from "#shared/cold/encode.ts";
import type { RowBlock } from "#shared/cold/row-block.ts";
import type { ConversationRow, MemberRow, RelationRow, SessionRow } from "#shared/cold/rows.ts";
import type { ColdStore, InsertOptions } from "#shared/cold/store.ts";

/** A table of the archive, as far as putting rows into it once takes. */
export interface Table<Rows> {
  name: string;
  /** The rows, each key once; the other calls take these. */
  distinct(rows: Rows): Rows;
  count(rows: Rows): number;
  /** Names a batch of rows for ClickHouse, whatever their order; two lives of the stores give two names. */
  token(rows: Rows): string;
  /** Those of the rows that are not there, each once. */
  lacking(rows: Rows): Promise<Rows>;
  insert(rows: Rows, options: InsertOptions): Promise<void>;
}

export interface Tables {
  messages: Table<RowBlock>;
  inbox: Table<RowBlock>;
  conversations: Table<readonly ConversationRow[]>;
  members: Table<readonly MemberRow[]>;
  relations: Table<readonly RelationRow[]>;
  sessions: Table<readonly SessionRow[]>;
}

export function tablesOf(cold: ColdStore): Tables {
  return {
    messages: blockTable("messages", messageKeyOf, (keys) => cold.existingMessages(bySource(keys)), cold.insertMessages),
    inbox: blockTable("inbox", inboxKeyOf, (keys) => cold.existingInbox(byUser(keys)), cold.insertInbox),
    conversations: listTable<ConversationRow>({
      name: "conversations",
      key: conversationKey,
      existing: (rows) => cold.existingConversations(rows),
      insert: (rows, options) => cold.insertConversations(rows, options),
      identity: (row) => `${conversationKey(row)} ${row.at}`,
    }),
    members: listTable<MemberRow>({
      name: "members",
      key: memberKey,
      existing: (rows) => cold.existingMembers(rows),
      insert: (rows, options) => cold.insertMembers(rows, options),
      identity: memberKey,
    }),
    relations: listTable<RelationRow>({
      name: "relations",
      key: relationKey,
      existing: (rows) => cold.existingRelations(rows),
      insert: (rows, options) => cold.insertRelations(rows, options),
      identity: relationKey,
    }),
    sessions: listTable<SessionRow>({
      name: "sessions",
      key: sessionKey,
      existing: (rows) => cold.existingSessions(rows),
      insert: (rows, options) => cold.insertSessions(rows, options),
      identity: sessionKey,
    }),
  };
}

const bySource = (keys: readonly { conversationId: string; seq: number }[]): { conversationId: string; seqs: number[] }[] =>
  [...Map.groupBy(keys, ({ conversationId }) => conversationId)].map(([conversationId, some]) => ({
    conversationId,
    seqs: some.map(({ seq }) => seq),
  }));

const byUser = (keys: readonly { user: string; offset: number }[]): { user: string; offsets: number[] }[] =>
  [...Map.groupBy(keys, ({ user }) => user)].map(([user, some]) => ({ user, offsets: some.map(({ offset }) => offset) }));

/** A table whose rows come as blocks: the streams name each row once, so a batch is inserted as it is. */
function blockTable<Key extends { key: string }>(
  name: string,
  keyOf: (row: Buffer) => Key,
  existing: (keys: Key[]) => Promise<Set<string>>,
  insert: Table<RowBlock>["insert"],
): Table<RowBlock> {
  return {
    name,
    distinct: (block) => block,
    count: (block) => block.rows,
    token: (block) => block.identity,
    async lacking(block) {
      const last = new Map<string, { index: number; key: Key }>();
      for (let index = 0; index < block.rows; index++) {
        const key = keyOf(block.row(index));
        last.set(key.key, { index, key });
      }
      const there = await existing([...last.values()].map(({ key }) => key));
      return block.only([...last.values()].flatMap(({ index, key }) => (there.has(key.key) ? [] : [index])));
    },
    insert,
  };
}

/** What a table of few rows needs to know of them. */
export interface ListTable<Row> {
  name: string;
  key(row: Row): string;
  /** Keys of those of the rows that are there. */
  existing(rows: readonly Row[]): Promise<Set<string>>;
  insert(rows: readonly Row[], options: InsertOptions): Promise<void>;
  /** What tells two rows of the same key from different lives of the stores apart. */
  identity(row: Row): string;
}

/** Each key once; of rows with the same key the last. */
export function listTable<Row>(list: ListTable<Row>): Table<readonly Row[]> {
  return {
    name: list.name,
    distinct: (rows) => [...new Map(rows.map((row) => [list.key(row), row])).values()],
    count: (rows) => rows.length,
    token: (rows) =>
      hash(
        "sha1",
        rows
          .map((row) => list.identity(row))
          .toSorted()
          .join("\n"),
        "base64url",
      ),
    async lacking(rows) {
      const there = await list.existing(rows);
      return rows.filter((row) => !there.has(list.key(row)));
    },
    insert: (rows, options) => list.insert(rows, options),
  };
}

/**
 * Puts rows into a table so that each is there once, to any SELECT. Where some may be there already (the batch before a crash, an answer that was
 * lost) the table is read back first and only what lacks is inserted. An insert still under way from such a time and this one have the same token, so that
 * one of the two has no effect.
 * @returns rows inserted now
 * @throws the client's error when ClickHouse is away or does not answer; then some may be there
 */
export async function putOnce<Rows>(table: Table<Rows>, given: Rows, doubtful: boolean, signal: AbortSignal): Promise<number> {
  const rows = table.distinct(given);
  const count = table.count(rows);
  if (count === 0) return 0;
  const token = table.token(rows);
  if (!doubtful) {
    await table.insert(rows, { token, signal });
    return count;
  }
  for (let attempt = 0, inserted = 0; ; attempt++) {
    const lacking = await table.lacking(rows);
    const missing = table.count(lacking);
    if (missing === 0) return inserted;
    if (attempt === 3) throw new Error(`${missing} rows that ClickHouse has taken into ${table.name} are not found there`);
    await table.insert(lacking, { token: attempt === 0 ? token : `${token}-${attempt}`, signal });
    inserted = missing;
  }
}
