import { createRegistry } from "#shared/run/metrics.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { until } from "#test/support/until.ts";
import { createWaker } from "#shared/run/waker.ts";
import { leftToFanout } from "#services/writer/hand-over.ts";
import { createWriter } from "#services/writer/index.ts";
import { openBus, type Bus } from "#shared/hot/bus.ts";
import { join, leave } from "#shared/hot/changes.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, partitions } from "#shared/hot/keys.ts";
import { committedLog } from "#shared/log/committed.ts";
import { changing, make } from "#shared/hot/testing.ts";
import { startFanout } from "#services/fanout/index.ts";

let world: TestHot;
beforeAll(async () => {
  world = await startHot();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Sends of ann, and the fan-out of a world. */
function stations() {
  const { hot, ids, logger } = world;
  const entries = createEntries(hot, null);
  const writer = createWriter({
    hot,
    entries,
    ids,
    logger,
    dedupeWindowMs: 60_000,
    outboxMax: 1_000_000,
    accepting: null,
    handOver: leftToFanout,
  });
  const send = (conversationId: string, clientMsgId: string) =>
    new Promise<void>((resolve, reject) => {
      const params = { conversationId, clientMsgId, kind: "text", body: { text: clientMsgId } } as never;
      writer.send(params, { user: "ann", session: null }, (thrown) => (thrown === null ? resolve() : reject(thrown as Error)));
    });
  const fanout = (bus: Bus) => {
    const config = { fanoutWriteMax: 500, fanoutWriteBudget: 0, archiveInbox: false };
    const log = committedLog({ hot, kafka: null, logger });
    return startFanout({
      hot,
      log,
      entries,
      bus,
      ids,
      left: createWaker(),
      config,
      logger,
      registry: createRegistry({ processMetrics: false }),
    });
  };
  return { writer, send, fanout };
}

async function loseOutbox(): Promise<void> {
  for (const partition of partitions()) await world.hot.redis.xtrim(keys.outbox(partition), "MAXLEN", 0);
}

const inboxOf = async (user: string): Promise<string[]> =>
  (await world.hot.redis.lrange(keys.inbox(user), 0, -1)).map((pointer) => pointer.split(" ").slice(0, 3).join(" "));

test("an inbox that lost a stretch of the outbox is caught up from the mailbox, in order, before what follows", async () => {
  const { hot, logger } = world;
  const { writer, send, fanout } = stations();
  await using _writer = writer;
  const id = await make(world, ["ann", "bob"]);
  await send(id, "one");
  await loseOutbox();
  await send(id, "two");
  await leave(changing(world), id, "bob", "leave", ["bob"]);

  await using bus = await openBus(hot, logger);
  await using _fanout = fanout(bus);
  const told = async () => (await inboxOf("bob")).some((pointer) => pointer.startsWith("L"));
  await until(told, 20_000, () => "bob is not told that he left");
  expect(await inboxOf("bob")).toEqual([`J ${id} 0`, `m ${id} 1`, `m ${id} 2`, `b ${id} 3`, `L ${id} 3`]);
});

test("so is a follower's of a feed, who is told of no conversation", async () => {
  const { hot, logger } = world;
  const { writer, send, fanout } = stations();
  await using _writer = writer;
  const id = await make(world, ["ann"], { kind: "feed", join: "open", history: "all" });
  await send(id, "before");
  await join(changing(world), id, "cyd", "follow", ["cyd"]);
  await send(id, "lost");
  await loseOutbox();
  await send(id, "there");
  await using bus = await openBus(hot, logger);
  await using _fanout = fanout(bus);
  await until(
    async () => (await inboxOf("cyd")).length > 1,
    20_000,
    () => "cyd has no posts",
  );
  expect(await inboxOf("cyd")).toEqual([`m ${id} 2`, `m ${id} 3`]);
  await leave(changing(world), id, "cyd", "leave", ["cyd"]);
  await send(id, "after");
  await until(
    async () => (await inboxOf("ann")).at(-1) === `m ${id} 4`,
    20_000,
    () => "ann lacks her last post",
  );
  expect(await inboxOf("cyd")).toHaveLength(2);
});
