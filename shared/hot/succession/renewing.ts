import type { Redis } from "ioredis";
import { keys, partitionOfKey } from "../keys.ts";
import { newEpoch } from "../users.ts";
import { membersOf } from "./held.ts";

const AT_ONCE = 500;

/** Keys of the kind of an example that lie in a partition, some at a time. */
export async function* ownKeys(master: Redis, partition: number, example: string): AsyncGenerator<string[]> {
  // The first letters of a kind stand before the tag.
  const match = `${example.slice(0, example.indexOf("{"))}{*`;
  for await (const found of master.scanStream({ match, count: AT_ONCE }) as AsyncIterable<string[]>) {
    yield found.filter((key) => partitionOfKey(key) === partition);
  }
}

/** Gives conversations or inboxes new epochs, by the keys of their heads or users. */
export const renewEpochs = (redis: Redis, all: readonly string[]): Promise<unknown> =>
  Promise.all(all.map((key) => redis.hset(key, "e", newEpoch())));

/** Gives the inboxes of a conversation's members new epochs. */
export async function renewInboxes(redis: Redis, conversationId: string): Promise<void> {
  const inboxes = (await membersOf(redis, conversationId)).map(keys.user);
  for (let first = 0; first < inboxes.length; first += AT_ONCE) await renewEpochs(redis, inboxes.slice(first, first + AT_ONCE));
}
