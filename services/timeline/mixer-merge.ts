import { compareDecimals } from "#shared/ids/decimals.ts";
import type { Entry } from "#shared/wire/entry.ts";

/** One message in the timeline, before anything is known of it but its place. */
export interface Head {
  source: "inbox" | "mailbox";
  /** Timeline key, decimal: the message id, or what the inbox raised it to. */
  key: string;
  conversationId: string;
  seq: number;
  /** Offset in the inbox; 0 of a mailbox. */
  offset: number;
  /** The message itself, where it came along. */
  entry?: Entry;
}

/** One source of the timeline, read from its newest end. */
export interface Lane {
  /** Read and not yet taken, in any order. */
  heads: Head[];
  /** Every head that is still unread has a lower key; null: there is none. */
  bound: string | null;
}

/** Above every key: ids have 63 bits. */
export const HIGHEST = "9".repeat(19);

export type Rank = Pick<Head, "key" | "conversationId" | "seq">;

/** Orders the timeline: newest first by key; conversation and seq, higher first, where an inbox has raised a key to that of another message. */
export const newestFirst = (a: Rank, b: Rank): number =>
  compareDecimals(b.key, a.key) || compareDecimals(b.conversationId, a.conversationId) || b.seq - a.seq;

export interface Choice<Some extends Lane> {
  /** The next heads in order, as far as they are certain. */
  heads: Head[];
  /** Lanes that might still hold something that belongs among the first `limit`; empty when `heads` are all that can be had. */
  behind: Some[];
}

/**
 * The k-way merge of the lanes: which heads come next, and which lanes must be read further before more can be said. Takes nothing out.
 * A lane that is out of heads holds the merge up only where its bound lies within the page (the look-ahead of Twitter's timeline mixer).
 */
export function choose<Some extends Lane>(lanes: readonly Some[], limit: number): Choice<Some> {
  const all = lanes.flatMap((lane) => lane.heads).toSorted(newestFirst);
  const last = all.length >= limit ? all[limit - 1] : undefined;
  const behind = lanes.filter(({ bound }) => bound !== null && (last === undefined || compareDecimals(bound, last.key) > 0));
  const highest = behind.reduce((most, { bound }) => (bound !== null && compareDecimals(bound, most) > 0 ? bound : most), "0");
  const certain = behind.length === 0 ? all : all.filter(({ key }) => compareDecimals(key, highest) >= 0);
  return { heads: certain.slice(0, limit), behind };
}

/** Takes chosen heads out of their lanes. */
export function take(lanes: readonly Lane[], heads: readonly Head[]): void {
  const taken = new Set(heads);
  for (const lane of lanes) if (lane.heads.some((head) => taken.has(head))) lane.heads = lane.heads.filter((head) => !taken.has(head));
}
