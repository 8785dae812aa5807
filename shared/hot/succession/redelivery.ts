import type { Redis } from "ioredis";
import { parseEntry } from "#shared/wire/entry.ts";
import { keys, partitionOf, partitions } from "../keys.ts";

/** Stream entries of an outbox read at once. */
const SOME = 500;

/**
 * Has the fan-out do again what it did since (Unix ms), as its effects may have been lost: what the outboxes still have, and the last entry of each
 * conversation named. What is there already it leaves alone, and what is missing before an entry it mends.
 */
export async function deliverAgain(redis: Redis, conversationIds: readonly string[], since: number): Promise<void> {
  await Promise.all(partitions().map((partition) => again(redis, keys.outbox(partition), since)));
  await Promise.all(conversationIds.map((id) => lastAgain(redis, id)));
}

async function again(redis: Redis, outbox: string, since: number): Promise<void> {
  const [last] = await redis.xrevrange(outbox, "+", "-", "COUNT", 1);
  if (last === undefined) return;
  for (let from = String(since), more = true; more;) {
    const rows = await redis.xrange(outbox, from, last[0], "COUNT", SOME);
    for (const [, [, text = ""]] of rows) {
      const lines = text.split("\n").filter(bearsRepeating);
      if (lines.length > 0) await redis.xadd(outbox, "*", "r", lines.join("\n"), "i", "");
    }
    more = rows.length === SOME;
    from = `(${rows.at(-1)?.[0] ?? last[0]}`;
  }
}

/** Entries and conversations come to an inbox once, whatever the fan-out is told of them. */
const bearsRepeating = (line: string): boolean => line.startsWith("E ") || line.startsWith("C ");

async function lastAgain(redis: Redis, id: string): Promise<void> {
  const [seq, mode] = await redis.hmget(keys.head(id), "s", "m");
  const text = await redis.lindex(keys.mailbox(id), -1);
  if (text === null || seq === null || seq === undefined) return;
  const { id: messageId, count, letter } = parseEntry(id, Number(seq), text);
  // The switch itself is delivered in the mode before it.
  const way = letter === "o" ? (mode === "w" ? "r" : "w") : mode;
  await redis.xadd(keys.outbox(partitionOf(id)), "*", "r", `E ${id} ${seq} ${letter} ${messageId} ${count} ${way}`, "i", "");
}
