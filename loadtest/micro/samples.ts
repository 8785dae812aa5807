import type { InboxRow } from "#shared/cold/rows.ts";
import { entryPointer } from "#shared/wire/pointer.ts";
import { toRow } from "#shared/wire/rows.ts";
import type { Entry } from "#shared/wire/entry.ts";

/** One message in the forms it has on its way; 200 bytes of text. */
const BODY = "All human beings are born free and equal in dignity and rights. ".repeat(4).slice(0, 200);
const conversationId = "1234567";
const id = "7312345678901234567";

export const params = { conversationId, clientMsgId: "n123456", kind: "text", body: { text: BODY } };
export const command = JSON.stringify({ id: 17, rpc: { method: "message.send", data: params } });
export const entry: Entry = {
  conversationId,
  seq: 123_456,
  id,
  count: 123_400,
  letter: "m",
  fields: `"from":"ann","kind":"text","body":${JSON.stringify(params.body)},"clientMsgId":"n123456"`,
};
export const entryText = `${entry.id} ${entry.count} m${entry.fields}`;
export const record = `E ${conversationId} 123456 m ${id} 123400 w`;
export const pointer = entryPointer("m", conversationId, 123_456, 123_400, id);
export const messageRow = toRow(entry, 2, "write");
export const inboxRow: InboxRow = {
  user: "ann",
  offset: 123_456,
  type: "message",
  conversation_id: conversationId,
  seq: 123_456,
  message_id: id,
  at: messageRow.at,
  timeline_key: id,
  epoch: "AbCd1234",
  data: "",
};
