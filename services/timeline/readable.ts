import { staysOf, type Member, type Stay } from "#shared/hot/member.ts";
import type { Entry } from "#shared/wire/entry.ts";

/** Seqs from `low` to `high`, both included. */
export interface Span {
  low: number;
  high: number;
}

/**
 * The seqs that a user may read of a conversation, ascending: a member's stays, with the history rule "all" everything; of a former member the
 * earlier stays alone. Empty for those who never were in.
 */
export function readableSpans(member: Member | null, past: string, historyAll: boolean): Stay[] {
  if (member !== null && historyAll) return [{ joined: 0, left: Number.POSITIVE_INFINITY }];
  return staysOf(member, past).filter(({ joined, left }) => joined < left);
}

/** What of the spans lies in from … to (both included), in reading order. */
export function spansBetween(readable: readonly Stay[], from: number, to: number, descending: boolean): Span[] {
  const spans = readable.flatMap(({ joined, left }) => {
    const low = Math.max(joined + 1, from);
    const high = Math.min(left, to);
    return low <= high ? [{ low, high }] : [];
  });
  return descending ? spans.toReversed() : spans;
}

/**
 * An edit, recall or reaction as someone may see it who may not read the message that it changes: without `body`.
 * All other entries stay as they are.
 */
export function withoutHiddenBody(entry: Entry, readable: readonly Stay[]): Entry {
  if (entry.letter !== "e") return entry;
  const { body: _, ...fields } = JSON.parse(`{${entry.fields}}`) as { body?: unknown; target?: number };
  const target = fields.target ?? 0;
  if (readable.some(({ joined, left }) => joined < target && target <= left)) return entry;
  return { ...entry, fields: JSON.stringify(fields).slice(1, -1) };
}
