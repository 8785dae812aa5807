import type { MessageRow } from "#shared/cold/rows.ts";
import { changeOf, letterOf, type Entry } from "./entry.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import { bodies } from "./values.ts";

interface MessageFields {
  from: string;
  kind: keyof typeof bodies;
  body: unknown;
  clientMsgId: string;
}

/** What words a search should find of a body. Always valid Unicode: ClickHouse takes no half of a surrogate pair. */
function textOf(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const { text, name, label } = body as { text?: unknown; name?: unknown; label?: unknown };
  return [text, name, label]
    .filter((part) => typeof part === "string")
    .join(" ")
    .toWellFormed();
}

/** An entry as its archive row. `members` and `mode` are those of its time. */
export function toRow(entry: Entry, members: number, mode: "write" | "read"): MessageRow {
  const fields = JSON.parse(`{${entry.fields}}`) as Record<string, unknown>;
  const common = {
    conversation_id: entry.conversationId,
    seq: entry.seq,
    message_id: entry.id,
    prev: entry.seq - 1,
    count: entry.count,
    at: timeOf(entry.id),
    target: typeof fields["target"] === "number" ? fields["target"] : 0,
    members,
    mode,
    revision: typeof fields["revision"] === "number" ? fields["revision"] : 0,
  };
  const change = changeOf(entry.letter);
  if (change !== null) {
    const by = typeof fields["by"] === "string" ? fields["by"] : "";
    return { ...common, sender: by, kind: change, body: "", text: "", client_msg_id: "", extra: `{${entry.fields}}` };
  }
  const { from, kind, body, clientMsgId, ...rest } = fields as unknown as MessageFields & Record<string, unknown>;
  return {
    ...common,
    sender: from,
    kind,
    body: JSON.stringify(body),
    text: textOf(body),
    client_msg_id: clientMsgId,
    extra: JSON.stringify(rest),
  };
}

/** The entry that a row came from. */
export function fromRow(
  row: Pick<MessageRow, "conversation_id" | "seq" | "message_id" | "count" | "sender" | "kind" | "body" | "client_msg_id" | "extra">,
): Entry {
  const letter = letterOf(row.kind);
  const extra = row.extra.slice(1, -1);
  const fields =
    letter === "m"
      ? `"from":${JSON.stringify(row.sender)},"kind":"${row.kind}","body":${row.body},"clientMsgId":${JSON.stringify(row.client_msg_id)}${extra === "" ? "" : `,${extra}`}`
      : extra;
  return { conversationId: row.conversation_id, seq: row.seq, id: row.message_id, count: row.count, letter, fields };
}
