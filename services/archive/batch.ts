import type { ConversationRow, InboxRow, MemberRow, MessageRow, SessionRow } from "#shared/cold/rows.ts";
import type { Stream } from "./streams.ts";

/** What goes into ClickHouse with one insert a table, and how far it takes the cursors. */
export interface Batch {
  messages: MessageRow[];
  inbox: InboxRow[];
  conversations: ConversationRow[];
  members: MemberRow[];
  sessions: SessionRow[];
  /** Bytes of bodies and pointers, about. */
  bytes: number;
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
  messages: [],
  inbox: [],
  conversations: [],
  members: [],
  sessions: [],
  bytes: 0,
  ends: new Map(),
  oldest: 0,
  mailboxes: new Map(),
  inboxes: new Map(),
  gone: [],
  goneOffsets: [],
  doubtful: false,
});

export const rowsOf = (batch: Batch): number =>
  batch.messages.length + batch.inbox.length + batch.conversations.length + batch.members.length + batch.sessions.length;
