import type { Redis } from "ioredis";
import { keys, partitionOfKey } from "../keys.ts";
import { newEpoch } from "../users.ts";

const AT_ONCE = 500;

/** Gives all conversations and inboxes of a partition new epochs. */
export async function renewEpochs(master: Redis | undefined, partition: number): Promise<void> {
  if (master === undefined) throw new Error(`no master is known to have partition ${partition}`);
  for (const match of [keys.head("0"), keys.user("0")].map(patternOf)) {
    for await (const found of master.scanStream({ match, count: AT_ONCE }) as AsyncIterable<string[]>) {
      const own = found.filter((key) => partitionOfKey(key) === partition);
      await Promise.all(own.map((key) => master.hset(key, "e", newEpoch())));
    }
  }
}

/** Any key of the kind: the first letters stand before the tag. */
const patternOf = (key: string): string => `${key.slice(0, key.indexOf("{"))}{*`;

/** Gives the inboxes of a conversation's members new epochs. */
export async function renewInboxes(redis: Redis, conversationId: string): Promise<void> {
  const fields = await redis.hkeys(keys.head(conversationId));
  const members = fields.flatMap((field) => (field.startsWith("@") ? [field.slice(1)] : []));
  for (let first = 0; first < members.length; first += AT_ONCE) {
    await Promise.all(members.slice(first, first + AT_ONCE).map((user) => redis.hset(keys.user(user), "e", newEpoch())));
  }
}
