import { expect, test } from "vitest";
import { keys } from "#shared/hot/keys.ts";
import { hotRanges } from "#shared/hot/entries.ts";
import { hotPointers } from "#shared/hot/users.ts";
import { openStores, texts, type Stores } from "./archive-world.ts";

const day = 86_400_000;

/** A conversation 7 of ann with `n` archived entries. */
async function long(stores: Stores, n: number): Promise<void> {
  await stores.create("7", ["ann"]);
  for (let from = 1; from <= n; from += 100) {
    await stores.send("7", "ann", texts(from, from + 99));
    await stores.deliver("7", ["ann"], from, from + 99);
  }
}

/** Puts Redis above its watermark, with room to write. */
async function press({ hot }: Stores): Promise<void> {
  const used = Number(/^used_memory:(\d+)/m.exec(await hot.redis.info("memory"))?.[1]);
  await hot.redis.config("SET", "maxmemory", Math.round(used * 1.2));
}

test("the plan says what the run does, and what leaves the hot tier is in the cold one", async () => {
  const stores = await openStores();
  await using archive = await stores.archive();
  await archive.runOnce();
  await long(stores, 1_500);
  await archive.caughtUp();
  const plan = await archive.plan();
  expect(plan).toEqual([
    { kind: "trim-mailbox", rule: "mailbox-newest", id: "7", base: 0, to: 500, rows: 500 },
    { kind: "trim-inbox", rule: "inbox-newest", id: "ann", base: 0, to: 501, rows: 501 },
  ]);
  expect(await archive.plan()).toEqual(plan);
  expect(await archive.runOnce()).toEqual(plan.map((action) => ({ action, done: "rows" in action ? action.rows : 0, reason: null })));
  const [range] = await hotRanges(stores.hot, [{ conversationId: "7", from: 1, to: 1_500 }]);
  expect(range).toMatchObject({ head: 1_500, base: 500 });
  expect(range?.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 1_000 }, (_, i) => 501 + i));
  expect(await hotPointers(stores.hot, "ann", 1)).toMatchObject({ offset: 1_501, base: 501, first: 502 });
  expect(await stores.cold.countMessages("7", 1, 500)).toBe(500);
  expect(await stores.cold.countInbox("ann", 1, 501)).toBe(501);
  expect(await archive.plan()).toEqual([]);
});

test("what the archive lacks is moved there first, and by nobody but the one who archives", async () => {
  const stores = await openStores();
  const first = await stores.archive();
  await first.runOnce();
  await long(stores, 1_300);
  await first.caughtUp();
  const delete3 = (table: string, column: string) => `DELETE FROM tributary.${table} WHERE ${column} = 3`;
  for (const query of [delete3("messages", "seq"), delete3("inbox", "offset")])
    await stores.clickhouse.command({ query, clickhouse_settings: { lightweight_deletes_sync: "1" } });
  const second = await stores.archive();
  expect((await second.runOnce()).map(({ done, reason }) => [done, reason])).toEqual([
    [0, "299 of 300 are in the archive"],
    [0, "300 of 301 are in the archive"],
  ]);
  expect(await stores.hot.redis.llen(keys.mailbox("7"))).toBe(1_300);
  expect((await first.runOnce()).map(({ done }) => done)).toEqual([300, 301]);
  expect(await stores.select("SELECT count(), uniqExact(seq) FROM tributary.messages")).toEqual(["1300\t1300"]);
  expect(await stores.select("SELECT count(), uniqExact(offset) FROM tributary.inbox")).toEqual(["1301\t1301"]);
});

test("under memory pressure mailboxes keep 200, idle ones their newest message, and old months are compressed harder", async () => {
  let now = Date.now() - 70 * day;
  const stores = await openStores(() => now);
  await using archive = await stores.archive();
  await archive.runOnce();
  // So that ClickHouse doesn't do it by itself before the scheduler is asked.
  await stores.clickhouse.command({ query: "SYSTEM STOP TTL MERGES tributary.messages" });
  await stores.create("8", ["bob"]);
  await stores.send("8", "bob", texts(1, 10));
  now = Date.now();
  await long(stores, 300);
  await archive.caughtUp();
  await press(stores);
  const plan = await archive.plan();
  expect(plan).toMatchObject([
    { kind: "trim-mailbox", rule: "mailbox-pressure", id: "7", base: 0, to: 100 },
    { kind: "trim-mailbox", rule: "mailbox-idle", id: "8", base: 0, to: 9 },
    { kind: "recompress-month", table: "messages", rows: 10 },
  ]);
  const outcomes = await archive.runOnce();
  expect(outcomes.map(({ action }) => action)).toEqual(plan);
  expect(outcomes.map(({ done, reason }) => [done, reason])).toEqual([
    [100, null],
    [9, null],
    [10, null],
  ]);
  expect(await stores.hot.redis.lrange(keys.mailbox("8"), 0, -1)).toEqual([expect.stringContaining("text 10")]);
  expect(await archive.plan()).toEqual([]);
});

test("dedupe tables go once no writer looks at them, also those left by a time of rest", async () => {
  const stores = await openStores();
  const hour = 3_600_000;
  const generation = Math.floor((Date.now() - 60_000) / hour);
  const table = (which: number) => keys.dedupe("7", which);
  const old = [generation - 1_000, generation - 3, generation - 2].map(table);
  const young = [generation - 1, generation, generation + 1].map(table);
  for (const key of [...old, ...young]) await stores.hot.redis.hset(key, "AAAAAAAAAAAA", "1 5");
  await using archive = await stores.archive();
  await archive.runOnce();
  expect(await stores.hot.redis.exists(...old)).toBe(0);
  expect(await stores.hot.redis.exists(...young)).toBe(3);
  await stores.hot.redis.set(keys.dedupeRemoved, `${hour} ${generation - 4}`);
  for (const key of old) await stores.hot.redis.hset(key, "AAAAAAAAAAAA", "1 5");
  expect(await archive.plan()).toEqual([{ kind: "remove-dedupe", rule: "dedupe-generations", from: generation - 3, to: generation - 2 }]);
  await archive.runOnce();
  expect(await stores.hot.redis.exists(...old)).toBe(1);
  expect(await stores.hot.redis.exists(...young)).toBe(3);
});
