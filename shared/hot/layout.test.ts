import { expect, test } from "vitest";
import { keys, partitionOf, partitions, userStreams } from "./keys.ts";
import { BUCKETS, chooseLayout } from "./layout.ts";
import { SLOTS, slotOf } from "./slots.ts";

chooseLayout(true);
const conversations = Array.from({ length: BUCKETS * 2 }, (_, n) => String(1_000 + n));

test("on a cluster all keys of a conversation lie in one slot with the outbox, cursors and leases of its partition", () => {
  for (const id of conversations) {
    const partition = partitionOf(id);
    const ofIt = [
      keys.head(id),
      keys.mailbox(id),
      keys.order(id),
      keys.past(id),
      keys.leavers(id),
      keys.dedupe(id, 7),
      keys.operation(id, "9"),
    ];
    const around = [keys.outbox(partition), keys.cursor("fanout", partition), keys.lease("archive", partition), keys.intent(partition)];
    expect(new Set([...ofIt, ...around].map(slotOf)).size).toBe(1);
  }
});

test("on a cluster all keys of a user lie in one slot with the streams that their scripts write", () => {
  const streams = new Map(userStreams("deliveries").map((stream) => [stream.key, stream]));
  for (let n = 0; n < 2_000; n++) {
    const user = `user-${n}`;
    const ofThem = [keys.user(user), keys.inbox(user), keys.lists(user), keys.facts(user), keys.told(user, "x"), keys.feed(user)];
    const stream = streams.get(keys.deliveries(user));
    const around = [keys.relations(user), stream?.key ?? "", stream?.lease ?? "", stream?.cursor ?? "", stream?.intent ?? ""];
    expect(new Set([...ofThem, ...around].map(slotOf)).size).toBe(1);
  }
});

test.each([2, 3, 4, 6, 8, 16])("%i masters with equal ranges of slots have as many partitions each, give or take one", (masters) => {
  const counts = Array.from({ length: masters }, () => 0);
  for (const partition of partitions()) {
    const master = Math.floor((slotOf(keys.outbox(partition)) * masters) / SLOTS);
    counts[master] = (counts[master] ?? 0) + 1;
  }
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
});

test("every dedupe table of a send is among those removed with its generation", () => {
  const tables = new Set(keys.dedupeTables(7));
  for (const id of conversations) expect(tables.has(keys.dedupe(id, 7))).toBe(true);
});

test("a process that works with a cluster refuses one Redis beside it", () => {
  expect(() => chooseLayout(false)).toThrow("not with both");
});
