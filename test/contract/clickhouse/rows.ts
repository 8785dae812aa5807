import type { InboxRow, MessageRow } from "#shared/cold/rows.ts";

const BEGIN = Date.UTC(2026, 9, 1);

/** Message rows of one conversation from `fromSeq` on, a second apart, all in October 2026 while below 2.6 million. */
export const messageRows = (conversationId: string, fromSeq: number, count: number): MessageRow[] =>
  Array.from({ length: count }, (_, i) => {
    const seq = fromSeq + i;
    return {
      conversation_id: conversationId,
      seq,
      message_id: String(BigInt(seq) * 1_000n + BigInt(conversationId)),
      prev: seq - 1,
      count: seq,
      sender: `user${seq % 10}`,
      kind: "text",
      body: JSON.stringify({ text: `hello ${seq} \\ "quoted" 'too' ü\n` }),
      text: `hello ${seq}`,
      at: BEGIN + seq * 1000 + 123,
      target: 0,
      members: 10,
      mode: "write",
      revision: 0,
      client_msg_id: `c${seq}`,
      extra: "{}",
    };
  });

/** Inbox pointers of one user from `fromOffset` on. */
export const inboxRows = (user: string, fromOffset: number, count: number): InboxRow[] =>
  Array.from({ length: count }, (_, i) => {
    const offset = fromOffset + i;
    return {
      user,
      offset,
      type: "message",
      conversation_id: "1",
      seq: offset,
      message_id: String(offset * 1000),
      at: BEGIN + offset,
      timeline_key: String(offset * 1000),
      epoch: "abcd",
      data: "",
    };
  });
