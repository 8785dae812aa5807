import type { Redis } from "ioredis";
import { keys } from "../keys.ts";
import { parseInboxRecord } from "../users.ts";

/** Inboxes asked at once. */
const AT_ONCE = 500;

/** A conversation with the highest seq that was given in it, as far as somebody knows. */
export interface Reached {
  conversationId: string;
  seq: number;
}

/** In the order of joining. */
export const membersOf = (redis: Redis, conversationId: string): Promise<string[]> => redis.zrange(keys.order(conversationId), "0", "-1");

/**
 * Conversations of which members' inboxes hold more than there is, as they may where they did not lie on the lost master. What gets the same seqs anew
 * would be taken for what these inboxes have. In write mode only: otherwise nothing is copied, however many members there are.
 */
export async function heldBeyond(redis: Redis, conversationIds: readonly string[]): Promise<Reached[]> {
  const heads = new Map<string, number>();
  const byUser = new Map<string, string[]>();
  await Promise.all(
    conversationIds.map(async (id) => {
      const [seq, mode] = await redis.hmget(keys.head(id), "s", "m");
      if (mode !== "w") return;
      heads.set(id, Number(seq));
      for (const user of await membersOf(redis, id)) byUser.getOrInsertComputed(user, () => []).push(id);
    }),
  );
  const held = new Map<string, number>();
  const users = [...byUser];
  for (let first = 0; first < users.length; first += AT_ONCE) {
    const some = users.slice(first, first + AT_ONCE);
    const records = await Promise.all(some.map(([user, ids]) => redis.hmget(keys.user(user), ...ids)));
    for (const [i, [, ids]] of some.entries()) {
      for (const [j, id] of ids.entries()) {
        const record = records[i]?.[j];
        if (typeof record === "string") held.set(id, Math.max(held.get(id) ?? 0, parseInboxRecord(id, record).last));
      }
    }
  }
  return [...heads].flatMap(([conversationId, head]) => {
    const seq = held.get(conversationId) ?? 0;
    return seq > head ? [{ conversationId, seq }] : [];
  });
}
