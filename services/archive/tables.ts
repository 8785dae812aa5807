import { hash } from "node:crypto";
import { conversationKey, memberKey, sessionKey } from "#shared/cold/dimensions.ts";
import { offsetKey } from "#shared/cold/inbox.ts";
import { seqKey } from "#shared/cold/messages.ts";
import type { ConversationRow, InboxRow, MemberRow, MessageRow, SessionRow } from "#shared/cold/rows.ts";
import type { ColdStore, InsertOptions } from "#shared/cold/store.ts";

/** A table of the archive, as far as putting rows into it once takes. */
export interface Table<Row> {
  name: string;
  key(row: Row): string;
  /** Keys of those of the rows that are there. */
  existing(rows: readonly Row[]): Promise<Set<string>>;
  insert(rows: readonly Row[], options: InsertOptions): Promise<void>;
  /** What tells two rows of the same key from different lives of the stores apart. */
  identity(row: Row): string;
}

export interface Tables {
  messages: Table<MessageRow>;
  inbox: Table<InboxRow>;
  conversations: Table<ConversationRow>;
  members: Table<MemberRow>;
  sessions: Table<SessionRow>;
}

export function tablesOf(cold: ColdStore): Tables {
  return {
    messages: {
      name: "messages",
      key: ({ conversation_id, seq }) => seqKey(conversation_id, seq),
      existing: (rows) =>
        cold.existingMessages(
          grouped(
            rows,
            ({ conversation_id }) => conversation_id,
            ({ seq }) => seq,
          ).map(([conversationId, seqs]) => ({ conversationId, seqs })),
        ),
      insert: (rows, options) => cold.insertMessages(rows, options),
      identity: ({ message_id }) => message_id,
    },
    inbox: {
      name: "inbox",
      key: ({ user, offset }) => offsetKey(user, offset),
      existing: (rows) =>
        cold.existingInbox(
          grouped(
            rows,
            ({ user }) => user,
            ({ offset }) => offset,
          ).map(([user, offsets]) => ({ user, offsets })),
        ),
      insert: (rows, options) => cold.insertInbox(rows, options),
      identity: ({ user, epoch, offset }) => `${user} ${epoch} ${offset}`,
    },
    conversations: {
      name: "conversations",
      key: conversationKey,
      existing: (rows) => cold.existingConversations(rows),
      insert: (rows, options) => cold.insertConversations(rows, options),
      identity: (row) => `${conversationKey(row)} ${row.at}`,
    },
    members: {
      name: "members",
      key: memberKey,
      existing: (rows) => cold.existingMembers(rows),
      insert: (rows, options) => cold.insertMembers(rows, options),
      identity: memberKey,
    },
    sessions: {
      name: "sessions",
      key: sessionKey,
      existing: (rows) => cold.existingSessions(rows),
      insert: (rows, options) => cold.insertSessions(rows, options),
      identity: sessionKey,
    },
  };
}

function grouped<Row, Item>(rows: readonly Row[], group: (row: Row) => string, item: (row: Row) => Item): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const row of rows) groups.getOrInsertComputed(group(row), () => []).push(item(row));
  return [...groups];
}

/** Names a batch of rows for ClickHouse, whatever their order. */
function tokenOf<Row>(table: Table<Row>, rows: readonly Row[]): string {
  const identities = rows.map((row) => table.identity(row)).toSorted();
  return hash("sha1", identities.join("\n"), "base64url");
}

/** Each key once; of rows with the same key the last. */
const distinct = <Row>(table: Table<Row>, rows: readonly Row[]): Row[] => [...new Map(rows.map((row) => [table.key(row), row])).values()];

/**
 * Puts rows into a table so that each is there once, to any SELECT. Where some may be there already (the batch before a crash, an answer that was
 * lost) the table is read back first and only what lacks is inserted. An insert still under way from such a time and this one have the same token, so that
 * one of the two has no effect.
 * @returns rows inserted now
 * @throws the client's error when ClickHouse is away or does not answer; then some may be there
 */
export async function putOnce<Row>(table: Table<Row>, given: readonly Row[], doubtful: boolean, signal: AbortSignal): Promise<number> {
  if (given.length === 0) return 0;
  const rows = distinct(table, given);
  const token = tokenOf(table, rows);
  if (!doubtful) {
    await table.insert(rows, { token, signal });
    return rows.length;
  }
  for (let attempt = 0, inserted = 0; ; attempt++) {
    const there = await table.existing(rows);
    const lacking = rows.filter((row) => !there.has(table.key(row)));
    if (lacking.length === 0) return inserted;
    if (attempt === 3) throw new Error(`${lacking.length} rows that ClickHouse has taken into ${table.name} are not found there`);
    await table.insert(lacking, { token: attempt === 0 ? token : `${token}-${attempt}`, signal });
    inserted = lacking.length;
  }
}
