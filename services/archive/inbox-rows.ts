import { hotInboxes, type InboxRange } from "#shared/hot/users.ts";
import type { InboxRow } from "#shared/cold/rows.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import { changeOf } from "#shared/wire/entry.ts";
import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import type { Batch } from "./batch.ts";

/** Inboxes read in one call, and pointers in one range. */
const MOST_INBOXES = 500;
const MOST_POINTERS = 1_000;

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

/** Lines "user from to" as few ranges: what follows on in an inbox becomes one. */
export function rangesOf(lines: readonly string[]): InboxRange[] {
  const open = new Map<string, InboxRange>();
  const ranges: InboxRange[] = [];
  for (const line of lines) {
    const [user = "", first, last] = line.split(" ");
    const [from, to] = [Number(first), Number(last)];
    const range = open.get(user);
    if (range !== undefined && from === range.to + 1 && to - range.from < MOST_POINTERS) range.to = to;
    else {
      const begun = { user, from, to };
      open.set(user, begun);
      ranges.push(begun);
    }
  }
  return ranges;
}

/** Reads the pointers in the ranges, and adds their rows to the batch. */
export async function addPointers(hot: Hot, batch: Batch, ranges: readonly InboxRange[]): Promise<void> {
  for (let i = 0; i < ranges.length; i += MOST_INBOXES) {
    const group = ranges.slice(i, i + MOST_INBOXES);
    for (const [k, { offset, base, epoch, first, pointers }] of (await hotInboxes(hot, group)).entries()) {
      const { user, from, to } = group[k] as InboxRange;
      batch.inboxes.set(user, offset - base);
      for (let wanted = from; wanted <= to; wanted++)
        if (wanted < first || wanted >= first + pointers.length) batch.goneOffsets.push({ user, offset: wanted });
      for (const [n, pointer] of pointers.entries()) {
        batch.inbox.push(inboxRow(user, first + n, epoch, pointer));
        batch.bytes += pointer.length;
      }
    }
  }
}
