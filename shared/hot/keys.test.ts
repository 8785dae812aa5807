import { assert, bigInt, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import { bucketOfConversation, bucketOfUser, keys, partitionOf, partitions } from "./keys.ts";
import { BUCKETS } from "./layout.ts";

/** The part of a key that Redis Cluster hashes. */
const tagOf = (key: string) => /\{([^}]+)\}/.exec(key)?.[1];
const user = string({ unit: "grapheme-ascii", minLength: 1, maxLength: 64 }).filter((text) => !/[{} ]/.test(text));
const conversationId = bigInt({ min: 1n, max: 2n ** 62n }).map(String);

/** Largest part of a bucket over the even share. */
function skew(buckets: Iterable<number>, total: number): number {
  const counts = new Map<number, number>();
  for (const bucket of buckets) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  return Math.max(...counts.values()) / (total / BUCKETS);
}

test("conversation ids given out in sequence fill every bucket alike", () => {
  const ids = Array.from({ length: BUCKETS * 20 }, (_, i) => String(1_000_000 + i));
  expect(skew(ids.map(bucketOfConversation), ids.length)).toBe(1);
});

test("users spread over the buckets with no bucket at double its share", () => {
  const users = Array.from({ length: BUCKETS * 200 }, (_, i) => `user-${i}`);
  expect(skew(users.map(bucketOfUser), users.length)).toBeLessThan(2);
});

test("all keys of one conversation lie in one slot", () => {
  assert(
    property(conversationId, integer({ min: 0, max: 10 ** 9 }), (id, generation) => {
      const all = [keys.head(id), keys.mailbox(id), keys.order(id), keys.past(id), keys.leavers(id), keys.dedupe(id, generation)];
      expect(new Set(all.map(tagOf))).toEqual(new Set([String(bucketOfConversation(id))]));
      expect(new Set(all).size).toBe(all.length);
    }),
  );
});

test("all keys of one user lie in one slot", () => {
  assert(
    property(user, user, (one, other) => {
      const all = [keys.user(one), keys.inbox(one), keys.request(one, "digest"), keys.feed(one), keys.pair(one, other)];
      expect(new Set(all.map(tagOf))).toEqual(new Set([`u${bucketOfUser(one)}`]));
      expect(new Set(all).size).toBe(all.length);
    }),
  );
});

test("a conversation's partition follows from its bucket, and outbox, cursor and lease of a partition lie together", () => {
  assert(
    property(conversationId, (id) => {
      const partition = partitionOf(id);
      expect(partition).toBe(bucketOfConversation(id) % partitions().length);
      expect(tagOf(keys.outbox(partition))).toBe(`p${partition}`);
      expect(tagOf(keys.cursor("fanout", partition))).toBe(`p${partition}`);
      expect(tagOf(keys.lease("fanout", partition))).toBe(`p${partition}`);
    }),
  );
});

test("every dedupe table of a send is among those removed with its generation", () => {
  const tables = new Set(keys.dedupeTables(7));
  assert(
    property(conversationId, (id) => {
      expect(tables.has(keys.dedupe(id, 7))).toBe(true);
    }),
  );
});
