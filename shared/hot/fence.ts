import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

/** What was read of a stream, up to an id. */
export type Read = readonly [stream: string, last: string];

/** A key in the slot of a stream. */
const markOf = (stream: string): string => `fence:${stream}`;

/**
 * Those of the streams whose entries read may be acted upon: with `REDIS_WAIT` on a cluster, those that are still there and that enough replicas hold;
 * else all. What is acted upon is seen by somebody, and a master that is lost must not take it back.
 * @throws Refusal 108 where the replicas do not hold them yet
 */
export async function heldStreams(hot: Hot, reads: readonly Read[]): Promise<Set<string>> {
  if (!hot.replicates || reads.length === 0) return new Set(reads.map(([stream]) => stream));
  const there = await spread<number>(hot, "fence", {
    keys: reads.flatMap(([stream]) => [stream, markOf(stream)]),
    each: 2,
    own: reads.map(([, last]) => last),
  });
  return new Set(reads.flatMap(([stream], i) => (there[i] === 1 ? [stream] : [])));
}
