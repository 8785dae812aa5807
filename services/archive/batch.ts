import { RowBlock } from "#shared/cold/row-block.ts";
import type { ConversationRow, MemberRow, RelationRow, SessionRow } from "#shared/cold/rows.ts";
import type { Stream } from "./streams.ts";

/** What goes into ClickHouse with one insert a table, and how far it takes the cursors. */
export interface Batch {
  messages: RowBlock;
  inbox: RowBlock;
  conversations: ConversationRow[];
  members: MemberRow[];
  relations: RelationRow[];
  sessions: SessionRow[];
  /** Last stream entry of each stream that is in the batch. */
  ends: Map<Stream, string>;
  /** ms at which its oldest record was written. */
  oldest: number;
  /** Hot entries by conversation, and hot pointers by user, as of the reading. */
  mailboxes: Map<string, number>;
  inboxes: Map<string, number>;
  /** Entries that the outbox names and the hot tier no longer has: archived before, or lost. */
  gone: { conversationId: string; seq: number }[];
  /** Offsets that a delivery names and the hot tier no longer has. */
  goneOffsets: { user: string; offset: number }[];
  /** True if parts of it may be in ClickHouse already. */
  doubtful: boolean;
}

export const emptyBatch = (): Batch => ({
  messages: new RowBlock(),
  inbox: new RowBlock(),
  conversations: [],
  members: [],
  relations: [],
  sessions: [],
  ends: new Map(),
  oldest: 0,
  mailboxes: new Map(),
  inboxes: new Map(),
  gone: [],
  goneOffsets: [],
  doubtful: false,
});

export const rowsOf = (batch: Batch): number =>
  batch.messages.rows +
  batch.inbox.rows +
  batch.conversations.length +
  batch.members.length +
  batch.relations.length +
  batch.sessions.length;

/** Bytes of its messages and pointers. */
export const bytesOf = (batch: Batch): number => batch.messages.bytes + batch.inbox.bytes;
