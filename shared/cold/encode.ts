import { offsetKey } from "./inbox.ts";
import { seqKey } from "./messages.ts";
import type { RowBlock } from "./row-block.ts";
import type { InboxRow, MessageRow } from "./rows.ts";

/** How rows of the two large tables stand in a `RowBlock`: the columns in the order in which `add…` writes them. */
export const MESSAGE_FIELDS =
  "conversation_id, seq, message_id, prev, count, sender, kind, body, text, at, target, members, mode, revision, client_msg_id, extra";
export const INBOX_FIELDS = "user, offset, type, conversation_id, seq, message_id, at, timeline_key, epoch, data";

export function addMessage(block: RowBlock, row: MessageRow): void {
  block.id(row.conversation_id).u64(row.seq).id(row.message_id).u64(row.prev).u64(row.count);
  block.string(row.sender).string(row.kind).string(row.body).string(row.text).u64(row.at).u64(row.target);
  block.u32(row.members).string(row.mode).u32(row.revision).string(row.client_msg_id).string(row.extra);
  block.identify(row.message_id).end();
}

export function addInbox(block: RowBlock, row: InboxRow): void {
  block.string(row.user).u64(row.offset).string(row.type).id(row.conversation_id).u64(row.seq);
  block.id(row.message_id).u64(row.at).id(row.timeline_key).string(row.epoch).string(row.data);
  block.identify(`${row.user} ${row.epoch} ${row.offset}`).end();
}

/** What names a row of `messages`: its first two columns. */
export function messageKeyOf(row: Buffer): { conversationId: string; seq: number; key: string } {
  const conversationId = row.readBigUInt64LE(0).toString();
  const seq = Number(row.readBigUInt64LE(8));
  return { conversationId, seq, key: seqKey(conversationId, seq) };
}

/** What names a row of `inbox`: its first two columns. A user id is shorter than 128 bytes, so its length is one. */
export function inboxKeyOf(row: Buffer): { user: string; offset: number; key: string } {
  const end = 1 + row.readUInt8(0);
  const user = row.toString("utf8", 1, end);
  const offset = Number(row.readBigUInt64LE(end));
  return { user, offset, key: offsetKey(user, offset) };
}
