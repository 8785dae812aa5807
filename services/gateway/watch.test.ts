import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { openBus } from "#shared/hot/bus.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, nodeChannel } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Recover } from "#shared/wire/ports.ts";
import { eventPointer } from "#shared/wire/pointer.ts";
import { startHot } from "#test/support/hot.ts";
import { openHub } from "./hub.ts";
import type { Outlet } from "./ports.ts";

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

const pointer = eventPointer("V", "7", 0, 5, "-", '{"type":"read"}');

/** A hub over a Redis of its own. */
async function open(stack: AsyncDisposableStack, wrapped: (hot: Hot) => Hot = (hot) => hot) {
  const { hot: real, logger } = stack.use(await startHot());
  const hot = wrapped(real);
  const bus = stack.use(await openBus(hot, logger));
  const entries = createEntries(hot, null);
  const hub = stack.use(
    await openHub({ hot, entries, bus, recover: atStart, readInbox: async () => [], logger, node: "n1", maxConnections: 10 }),
  );
  const push = (offset: number) => bus.publish(new Map([["n1", [["ann", offset, [pointer]]]]]));
  return { hub, push };
}

/** A connection of ann's, the offsets it was given, and the codes it was closed with. */
function listener() {
  const offsets: (number | undefined)[] = [];
  const closes: number[] = [];
  const outlet: Outlet = {
    user: "ann",
    client: "c",
    publish: (_channel, _data, offset) => void offsets.push(offset),
    publishShared() {},
    publishNow() {},
    subscribed() {},
    unsubscribed() {},
    close: (code) => void closes.push(code),
  };
  return { offsets, closes, outlet };
}

/** Puts the user's inbox at an offset, all of its pointers alike. */
async function fillInbox(hot: Hot, offset: number): Promise<void> {
  await hot.redis.hset(keys.user("ann"), { o: offset, e: "abcd" });
  await hot.redis.del(keys.inbox("ann"));
  await hot.redis.rpush(keys.inbox("ann"), ...Array.from({ length: offset }, () => pointer));
}

test("a reader who is caught up stays, though a push tells meanwhile of more than was read", async () => {
  await using stack = new AsyncDisposableStack();
  let meanwhile: (() => Promise<void>) | null = null;
  const late = (hot: Hot): Hot => ({
    ...hot,
    async run(...call) {
      const answer = await hot.run(...call);
      const now = call[0] === "pointers" ? meanwhile : null;
      if (now !== null) meanwhile = null;
      await now?.();
      return answer;
    },
  });
  let hot: Hot | null = null;
  const { hub, push } = await open(stack, (real) => late((hot = real)));
  const real = hot as unknown as Hot;
  await fillInbox(real, 3);
  const { offsets, closes, outlet } = listener();
  const attached = await hub.attach(outlet, { sdkPositions: null, storedPositions: null, push: "full" });
  attached.goLive();
  meanwhile = async () => {
    await fillInbox(real, 4);
    push(4);
    // What the push asks the same Redis for is answered before these.
    for (let round = 0; round < 20; round++) await turn().then(() => real.redis.ping());
  };
  push(3);
  await expect.poll(() => [offsets.length, closes.length], { timeout: 10_000 }).toEqual([4, 0]);
  expect(offsets).toEqual([1, 2, 3, 4]);
});

test("what a node put into inboxes and did not come to push is found as soon as the node is gone", async () => {
  await using stack = new AsyncDisposableStack();
  let real: Hot | null = null;
  const { hub, push } = await open(stack, (hot) => (real = hot));
  const { redis } = real as unknown as Hot;
  await fillInbox(real as unknown as Hot, 1);
  // Before ann, and so many that her turn does not come by itself.
  const crowd = await Promise.all(Array.from({ length: 100 }, (_, i) => hub.watch(`reader${i}`)));
  const { offsets, closes, outlet } = listener();
  (await hub.attach(outlet, { sdkPositions: null, storedPositions: null, push: "full" })).goLive();
  push(1);
  await expect.poll(() => offsets).toEqual([1]);
  await redis.zadd(keys.nodes, Date.now(), nodeChannel("n2"));
  await redis.publish("nodes", "n2");
  await fillInbox(real as unknown as Hot, 2);
  await redis.zrem(keys.nodes, nodeChannel("n2"));
  await redis.publish("nodes", "n2");
  await expect.poll(() => [offsets, closes], { timeout: 10_000 }).toEqual([[1, 2], []]);
  for (const one of crowd) one[Symbol.dispose]();
});

test("a long poll is woken by each push of its own and waits again for the next one", async () => {
  await using stack = new AsyncDisposableStack();
  const { hub, push } = await open(stack);
  using watch = await hub.watch("ann");
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
  await using stack = new AsyncDisposableStack();
  const { hub, push } = await open(stack);
  using watch = await hub.watch("ann");
  await watch.arrived(1);
  push(1);
  await watch.arrived(20_000);
});
