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

/** The parts of a message's fields as the writer puts them, cut without parsing; null where they do not look so plain. */
function plainFields(fields: string): { from: string; kind: string; body: string; clientMsgId: string } | null {
  if (!fields.startsWith(FROM)) return null;
  const fromEnd = fields.indexOf('"', FROM.length);
  const kindAt = fromEnd + 1 + KIND.length;
  const kindEnd = fields.indexOf('"', kindAt);
  const bodyAt = kindEnd + 1 + BODY.length;
  const idAt = fields.lastIndexOf(CLIENT_ID);
  if (idAt < bodyAt || !fields.endsWith('"') || !fields.startsWith(KIND, fromEnd + 1) || !fields.startsWith(BODY, kindEnd + 1)) return null;
  const clientMsgId = fields.slice(idAt + CLIENT_ID.length, -1);
  if (clientMsgId.includes('"') || clientMsgId.includes("\\")) return null;
  return { from: fields.slice(FROM.length, fromEnd), kind: fields.slice(kindAt, kindEnd), body: fields.slice(bodyAt, idAt), clientMsgId };
}
const FROM = '"from":"';
const KIND = ',"kind":"';
const BODY = ',"body":';
const CLIENT_ID = ',"clientMsgId":"';
const TEXT = '{"text":"';

/** What `textOf` gives of a body's JSON. */
function plainText(body: string): string {
  if (body.startsWith(TEXT) && body.endsWith('"}') && !body.includes("\\")) {
    const text = body.slice(TEXT.length, -2);
    if (!text.includes('"')) return text;
  }
  return textOf(JSON.parse(body));
}

/** An entry as its archive row. `members` and `mode` are those of its time. */
export function toRow(entry: Entry, members: number, mode: "write" | "read"): MessageRow {
  const plain = entry.letter === "m" ? plainFields(entry.fields) : null;
  if (plain !== null) {
    const { from: sender, kind, body, clientMsgId: client_msg_id } = plain;
    const stands = { ...placeOf(entry), target: 0, members, mode, revision: 0 };
    return { ...stands, sender, kind, body, text: plainText(body), client_msg_id, extra: "{}" };
  }
  const fields = JSON.parse(`{${entry.fields}}`) as Record<string, unknown>;
  const common = {
    ...placeOf(entry),
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

const placeOf = ({ conversationId, seq, id, count }: Entry) => ({
  conversation_id: conversationId,
  seq,
  message_id: id,
  prev: seq - 1,
  count,
  at: timeOf(id),
});

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
