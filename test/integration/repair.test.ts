import { createRegistry } from "#shared/run/metrics.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { until } from "#test/support/until.ts";
import { createWriter } from "#services/writer/index.ts";
import { openBus } from "#shared/hot/bus.ts";
import { leave } from "#shared/hot/changes.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, PARTITIONS } from "#shared/hot/keys.ts";
import { changing, make } from "#shared/hot/testing.ts";
import { startFanout } from "#services/fanout/index.ts";

let world: TestHot;
beforeAll(async () => {
  world = await startHot();
});
afterAll(() => world[Symbol.asyncDispose]());

test("an inbox that lost a stretch of the outbox is caught up from the mailbox, in order, before what follows", async () => {
  const { hot, ids, logger } = world;
  const entries = createEntries(hot, null);
  await using writer = createWriter({ hot, entries, ids, logger, dedupeWindowMs: 60_000, redisWait: 0 });
  const send = (conversationId: string, clientMsgId: string) =>
    new Promise<void>((resolve, reject) => {
      const params = { conversationId, clientMsgId, kind: "text", body: { text: clientMsgId } } as never;
      writer.send(params, { user: "ann", session: null }, (thrown) => (thrown === null ? resolve() : reject(thrown as Error)));
    });
  const id = await make(world, ["ann", "bob"]);
  await send(id, "one");
  for (let partition = 0; partition < PARTITIONS; partition++) await hot.redis.xtrim(keys.outbox(partition), "MAXLEN", 0);
  await send(id, "two");
  await leave(changing(world), id, "bob", "leave", ["bob"]);

  await using bus = await openBus(hot, logger);
  const config = { fanoutWriteMax: 500, fanoutWriteBudget: 0, archiveInbox: false };
  await using _fanout = startFanout({ hot, entries, bus, ids, config, logger, registry: createRegistry({ processMetrics: false }) });
  const inbox = async () => (await hot.redis.lrange(keys.inbox("bob"), 0, -1)).map((pointer) => pointer.split(" ").slice(0, 3).join(" "));
  const told = async () => (await inbox()).some((pointer) => pointer.startsWith("L"));
  await until(told, 20_000, () => "bob is not told that he left");
  expect(await inbox()).toEqual([`J ${id} 0`, `m ${id} 1`, `m ${id} 2`, `b ${id} 3`, `L ${id} 3`]);
});
