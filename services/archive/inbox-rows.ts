import { addInbox } from "#shared/cold/encode.ts";
import { hotInboxes, type InboxRange } from "#shared/hot/users.ts";
import type { InboxRow } from "#shared/cold/rows.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { createBreath } from "#shared/run/breath.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import { changeOf } from "#shared/wire/entry.ts";
import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import type { Batch } from "./batch.ts";

/** The row of a pointer. */
function inboxRow(user: string, offset: number, epoch: string, text: string): InboxRow {
  const pointer = parsePointer(text);
  const common = { user, offset, conversation_id: pointer.conversationId === "" ? "0" : pointer.conversationId, epoch };
  if (isEvent(pointer))
    return { ...common, type: typeOf(pointer.json), seq: 0, message_id: "0", at: pointer.at, timeline_key: "0", data: pointer.json };
  const { letter, seq, id, key } = pointer;
  return { ...common, type: changeOf(letter) ?? "message", seq, message_id: id, at: timeOf(id), timeline_key: key, data: "" };
}

/** Events are written by this server, their type first. */
const typeOf = (json: string): string => /^\{"type":"([a-z]+)"/.exec(json)?.[1] ?? String((JSON.parse(json) as { type?: unknown }).type);

/** A line of the deliveries: what one script wrote into an inbox, "<user> <first offset> <hot pointers> <epoch>" and each pointer behind a tab. */
export async function addDeliveries(batch: Batch, lines: readonly string[]): Promise<void> {
  const breath = createBreath();
  for (const line of lines) {
    if (breath.taken()) await breath.pause();
    const [head = "", ...pointers] = line.split("\t");
    const [user = "", first, length, epoch = ""] = head.split(" ");
    batch.inboxes.set(user, Number(length));
    for (const [i, pointer] of pointers.entries()) addInbox(batch.inbox, inboxRow(user, Number(first) + i, epoch, pointer));
  }
}

/** Reads the pointers in the ranges, and adds their rows to the batch. */
export async function addPointers(hot: Hot, batch: Batch, ranges: readonly InboxRange[]): Promise<void> {
  for (const [k, { offset, base, epoch, first, pointers }] of (await hotInboxes(hot, ranges)).entries()) {
    const { user, from, to } = ranges[k] as InboxRange;
    batch.inboxes.set(user, offset - base);
    for (let wanted = from; wanted <= to; wanted++)
      if (wanted < first || wanted >= first + pointers.length) batch.goneOffsets.push({ user, offset: wanted });
    for (const [n, pointer] of pointers.entries()) addInbox(batch.inbox, inboxRow(user, first + n, epoch, pointer));
  }
}
