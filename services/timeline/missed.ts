import { eventJson } from "#shared/wire/entry.ts";
import { isEvent, parsePointer, wantsTotal, withTotal, type Pointer } from "#shared/wire/pointer.ts";
import type { Publication } from "#shared/wire/ports.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { totalOf, unreadCounts } from "#shared/hot/standings.ts";
import { hotPointers, listed, type UserState } from "#shared/hot/users.ts";
import type { Hot } from "#shared/hot/redis.ts";

/** Reads pointers that are no longer hot, ascending from and to included, at most `limit`. Refuses with 108 when the archive is away. */
export type ColdPointers = (user: string, from: number, to: number, limit: number) => Promise<{ offset: number; pointer: Pointer }[]>;

export interface Reading {
  hot: Hot;
  entries: Entries;
  coldPointers: ColdPointers | null;
}

export interface PlacedPointer {
  offset: number;
  pointer: Pointer;
}

/** Pointers from and to included, from every tier. Fewer than asked for only where the inbox no longer has them anywhere. */
export async function pointersBetween({ hot, coldPointers }: Reading, user: string, from: number, to: number): Promise<PlacedPointer[]> {
  if (to < from) return [];
  const range = await hotPointers(hot, user, from, to);
  const placed = range.pointers.map((text, i) => ({ offset: range.first + i, pointer: parsePointer(text) }));
  if (from > range.base) return placed;
  if (coldPointers === null) throw new Refusal(108, "older events are in the archive, which this process does not reach");
  const cold = await coldPointers(user, from, Math.min(to, range.base), to - from + 1);
  return [...cold, ...placed];
}

/** Pointers as the publications a client gets; null if an entry is in no tier. */
export async function inboxPublications(
  { hot, entries }: Reading,
  user: string,
  state: UserState,
  placed: readonly PlacedPointer[],
): Promise<Publication[] | null> {
  const lookup = await entries.load(placed.flatMap(({ pointer }) => (isEvent(pointer) ? [] : [pointer])));
  const owesTotal = placed.some(({ pointer }) => isEvent(pointer) && wantsTotal(pointer));
  const total = owesTotal ? totalOf(await unreadCounts(hot, user, listed(state))) : 0;
  const publications: Publication[] = [];
  for (const { offset, pointer } of placed) {
    if (isEvent(pointer)) {
      publications.push({ offset, data: wantsTotal(pointer) ? withTotal(pointer.json, total) : pointer.json });
      continue;
    }
    const entry = lookup(pointer.conversationId, pointer.seq);
    if (entry === undefined) return null;
    publications.push({ offset, data: eventJson(entry) });
  }
  return publications;
}

/** Channel beginnings among inbox pointers: switches to read mode, and joinings of conversations that are in it. The seq is where the channel begins. */
export function beginnings(placed: readonly PlacedPointer[]): { conversationId: string; seq: number }[] {
  return placed.flatMap(({ pointer }) => {
    const begins = pointer.letter === "o" || (pointer.letter === "J" && pointer.mode === "r");
    return begins ? [{ conversationId: pointer.conversationId, seq: pointer.seq }] : [];
  });
}

/** Entries from < seq ≤ to of a conversation as publications of its channel; null if one is in no tier. */
export async function channelPublications(
  { entries }: Reading,
  conversationId: string,
  from: number,
  to: number,
): Promise<Publication[] | null> {
  const wanted = Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ conversationId, seq: from + 1 + i }));
  const lookup = await entries.load(wanted);
  const publications: Publication[] = [];
  for (const { seq } of wanted) {
    const entry = lookup(conversationId, seq);
    if (entry === undefined) return null;
    publications.push({ offset: seq, data: eventJson(entry) });
  }
  return publications;
}
