import { expect, test } from "vitest";
import { keys, partitionOf, partitions, userStreams } from "#shared/hot/keys.ts";
import { openStores, texts } from "./archive-world.ts";

test("what is committed and delivered becomes one row each", async () => {
  const stores = await openStores();
  await using archive = await stores.archive();
  await stores.create("7", ["ann", "bob"]);
  await stores.send("7", "ann", texts(1, 50));
  await stores.deliver("7", ["ann", "bob"], 1, 50);
  await archive.caughtUp();
  expect(
    await stores.select("SELECT seq, text, members, mode, sender FROM tributary.messages WHERE conversation_id = 7 ORDER BY seq"),
  ).toEqual(texts(1, 50).map((text, i) => `${i + 1}\t${text}\t2\twrite\tann`));
  expect(
    await stores.select("SELECT user, count(), min(offset), max(offset), uniq(epoch) FROM tributary.inbox GROUP BY user ORDER BY user"),
  ).toEqual(["ann\t51\t1\t51\t1", "bob\t51\t1\t51\t1"]);
  expect(
    await stores.select("SELECT type, seq, message_id, data FROM tributary.inbox WHERE user = 'ann' AND offset <= 2 ORDER BY offset"),
  ).toEqual(['conversation\t0\t0\t{"type":"conversation"}', "message\t1\t1000\t"]);
  expect(await stores.select("SELECT change, kind, title, owner, members, seq FROM tributary.conversations")).toEqual([
    "created\tgroup\ttitle\tann\t2\t0",
  ]);
  expect(await stores.select("SELECT user, change, role, seq FROM tributary.members ORDER BY user")).toEqual([
    "ann\tjoined\towner\t0",
    "bob\tjoined\tmember\t0",
  ]);
});

test("an outbox is trimmed up to the slowest consumer", async () => {
  const { hot, ...stores } = await openStores();
  const outbox = keys.outbox(partitionOf("7"));
  await using archive = await stores.archive();
  await stores.create("7", ["ann"]);
  await stores.send("7", "ann", ["one"]);
  await archive.caughtUp();
  expect(await hot.redis.xlen(outbox)).toBe(2);
  await hot.redis.set(keys.cursor("fanout", partitionOf("7")), `${Date.now() + 1_000}-0`);
  await stores.send("7", "ann", ["two"]);
  await archive.caughtUp();
  await expect.poll(() => hot.redis.xlen(outbox), { timeout: 20_000 }).toBe(1);
});

test("a successor forms the batch again that was inserted before its cursor was saved, and no row shows twice", async () => {
  const { hot, ...stores } = await openStores();
  await stores.create("7", ["ann", "bob"]);
  await stores.send("7", "ann", texts(1, 300));
  await stores.deliver("7", ["ann", "bob"], 1, 300);
  {
    await using archive = await stores.archive();
    await archive.caughtUp();
  }
  const cursors = [
    ...partitions().map((partition) => keys.cursor("archive", partition)),
    ...userStreams("deliveries").map(({ cursor }) => cursor),
  ];
  await Promise.all(cursors.map((cursor) => hot.redis.del(cursor)));
  await stores.send("7", "ann", texts(301, 310));
  await using archive = await stores.archive();
  await archive.caughtUp();
  expect(await stores.select("SELECT count(), uniqExact(seq) FROM tributary.messages")).toEqual(["310\t310"]);
  expect(await stores.select("SELECT count(), uniqExact(user, offset) FROM tributary.inbox")).toEqual(["602\t602"]);
  expect(await stores.select("SELECT count() FROM tributary.members")).toEqual(["2"]);
  expect(await stores.select("SELECT count() FROM tributary.conversations")).toEqual(["1"]);
});

test("without the inbox archive no inbox row is written", async () => {
  const stores = await openStores();
  await using archive = await stores.archive({ archiveInbox: false });
  await stores.create("7", ["ann"]);
  await stores.send("7", "ann", ["one"]);
  await stores.deliver("7", ["ann"], 1, 1);
  await archive.caughtUp();
  expect(await stores.select("SELECT count() FROM tributary.messages")).toEqual(["1"]);
  expect(await stores.select("SELECT count() FROM tributary.inbox")).toEqual(["0"]);
});

test("an archiver that vanished is followed by another when its lease ends", async () => {
  const stores = await openStores();
  await stores.create("7", ["ann"]);
  await stores.hot.run("lease", [keys.lease("archive", partitionOf("7"))], ["vanished", 3_000]);
  await using archive = await stores.archive();
  await archive.caughtUp();
  expect(await stores.select("SELECT count() FROM tributary.conversations")).toEqual(["1"]);
});

test("of two archivers one works, and the other goes on when it ends", async () => {
  const stores = await openStores();
  await stores.create("7", ["ann"]);
  const first = await stores.archive();
  await stores.send("7", "ann", texts(1, 20));
  await first.caughtUp();
  const second = await stores.archive();
  await stores.send("7", "ann", texts(21, 40));
  await second.caughtUp();
  await first[Symbol.asyncDispose]();
  await stores.send("7", "ann", texts(41, 60));
  await second.caughtUp();
  expect(await stores.select("SELECT count(), uniqExact(seq) FROM tributary.messages")).toEqual(["60\t60"]);
});
