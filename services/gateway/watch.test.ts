import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { openBus } from "#shared/hot/bus.ts";
import { createEntries } from "#shared/hot/entries.ts";
import type { Recover } from "#shared/wire/ports.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { eventPointer } from "#shared/wire/pointer.ts";
import { startHot } from "#test/support/hot.ts";
import { openHub } from "./hub.ts";

const atStart: Recover = async (user) => ({
  channels: [
    {
      channel: `inbox:${user}`,
      conversationId: null,
      epoch: "abcd",
      wasRecovering: false,
      recovered: false,
      parts: [{ offset: 0, publications: [], ended: false }],
    },
  ],
  unwatched: [],
  nodes: [],
  connections: [],
});

test("a long poll is woken by each push of its own and waits again for the next one", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await using bus = await openBus(hot, logger);
  const parts = {
    hot,
    entries: createEntries(hot, null),
    bus,
    recover: atStart,
    readInbox: async () => [],
    logger,
    node: "n1",
    maxConnections: 10,
  };
  await using hub = await openHub(parts);
  using watch = await hub.watch("ann");
  const push = (offset: number) => {
    const pointer = eventPointer("V", "7", 0, 5, "-", '{"type":"read"}');
    bus.publish("n1", { inbox: [["ann", offset, [pointer]]], rooms: [] } satisfies PushBatch);
  };
  for (const offset of [1, 2, 3]) {
    const order: string[] = [];
    const arrived = watch.arrived(20_000).then(() => order.push("arrived"));
    for (let turns = 0; turns < 5; turns++) await turn();
    order.push("pushed");
    push(offset);
    await arrived;
    expect(order).toEqual(["pushed", "arrived"]);
  }
});

test("what comes while a long poll reads is not missed, and a poll that nothing comes for ends by itself", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await using bus = await openBus(hot, logger);
  const parts = {
    hot,
    entries: createEntries(hot, null),
    bus,
    recover: atStart,
    readInbox: async () => [],
    logger,
    node: "n1",
    maxConnections: 10,
  };
  await using hub = await openHub(parts);
  using watch = await hub.watch("ann");
  await watch.arrived(1);
  bus.publish("n1", { inbox: [["ann", 1, [eventPointer("V", "7", 0, 5, "-", '{"type":"read"}')]]], rooms: [] });
  await watch.arrived(20_000);
});
