import type { Message, Report } from "./witness.ts";

export interface TimelineItem {
  key: string;
  message: Message;
}

/** Decimal strings of any length, as numbers. */
const below = (a: string, b: string): boolean => (a.length === b.length ? a < b : a.length < b.length);

/** Watches one walk through `timeline.read`, page by page: newest first by key, nothing twice, nothing left out. */
export function watchWalk(user: string, report: Report) {
  const seen = new Set<string>();
  let key: string | null = null;
  return {
    page(items: readonly TimelineItem[]): void {
      for (const { key: next, message } of items) {
        const name = `${message.conversationId} ${message.seq}`;
        if (seen.has(name)) report("duplicate", `${user} walked over seq ${message.seq} of ${message.conversationId} twice`);
        else if (key !== null && !below(next, key)) report("disorder", `${user} walked to the key ${next} after ${key}`);
        seen.add(name);
        key = next;
      }
    },
    /** The walk has ended: all that was there before must have been in it, by conversation and seq. Returns how many were checked. */
    ended(filled: Record<string, readonly number[]>): number {
      for (const [conversationId, seqs] of Object.entries(filled)) {
        const missing = seqs.filter((seq) => !seen.has(`${conversationId} ${seq}`)).length;
        if (missing > 0) report("missing", `${user} walked without ${missing} of the ${seqs.length} messages of ${conversationId}`);
      }
      return seen.size;
    },
  };
}

/** Watches a scroll through `message.history`, page by page up to the beginning of a conversation. */
export function watchScroll(user: string, conversationId: string, report: Report) {
  const seen = new Set<number>();
  let first = Number.POSITIVE_INFINITY;
  return {
    page(messages: readonly Pick<Message, "seq">[]): void {
      for (const { seq } of messages.toReversed()) {
        if (seq >= first)
          report(seen.has(seq) ? "duplicate" : "disorder", `${user} scrolled ${conversationId} up to seq ${seq} after ${first}`);
        seen.add(seq);
        first = Math.min(first, seq);
      }
    },
    /** The server says that there is no more above: all that was there before must have been in it. Returns how many were checked. */
    ended(filled: readonly number[]): number {
      const missing = filled.filter((seq) => !seen.has(seq)).length;
      if (missing > 0) report("missing", `${user} scrolled ${conversationId} without ${missing} of its ${filled.length} messages`);
      return seen.size;
    },
  };
}
