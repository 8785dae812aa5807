import type { Redis } from "ioredis";
import { keys } from "../keys.ts";
import { parseInboxRecord } from "../users.ts";

/** Inboxes of a conversation asked at once. */
const AT_ONCE = 500;

/** A conversation with a seq that was given in it. */
export interface Given {
  conversationId: string;
  seq: number;
}

/**
 * Conversations of which members' inboxes hold more than there is: they lie on other masters than the one that was lost. What got the seqs of that
 * anew would be taken for what these inboxes have. Those in write mode only: the others are not copied, however many members they have.
 */
export async function heldBeyond(redis: Redis, conversationIds: readonly string[]): Promise<Given[]> {
  const all = await Promise.all(conversationIds.map((id) => beyond(redis, id)));
  return all.filter((one) => one !== null);
}

async function beyond(redis: Redis, conversationId: string): Promise<Given | null> {
  const [seq, mode] = await redis.hmget(keys.head(conversationId), "s", "m");
  if (mode !== "w") return null;
  const members = await redis.zrange(keys.order(conversationId), "0", "-1");
  let held = 0;
  for (let first = 0; first < members.length; first += AT_ONCE) {
    const records = await Promise.all(members.slice(first, first + AT_ONCE).map((user) => redis.hget(keys.user(user), conversationId)));
    for (const record of records) if (record !== null) held = Math.max(held, parseInboxRecord(conversationId, record).last);
  }
  return held > Number(seq) ? { conversationId, seq: held } : null;
}
