import { expect, test } from "vitest";
import { openBus } from "#shared/hot/bus.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, nodeChannel } from "#shared/hot/keys.ts";
import { userState, wentOffline } from "#shared/hot/users.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Recover } from "#shared/wire/ports.ts";
import { startHot } from "#test/support/hot.ts";
import { until } from "#test/support/until.ts";
import { openHub } from "./hub.ts";
import type { AttachRequest, Outlet } from "./ports.ts";

const request: AttachRequest = { sdkPositions: null, storedPositions: null, push: "full" };
const MOST = 3;

/** A connection that remembers how it was closed. */
function outlet(client: string, closed: string[], user = "ann"): Outlet {
  return {
    user,
    client,
    publish() {},
    publishShared() {},
    publishNow() {},
    subscribed() {},
    unsubscribed() {},
    close: (code) => void closed.push(`${client} ${code}`),
  };
}

/** A gateway node with its own bus, as another process would have it. */
async function openNode(hot: Hot, logger: Logger, node: string) {
  const bus = await openBus(hot, logger);
  const recover: Recover = async (user, here) => {
    const { nodes, connections } = await userState(hot, user, here);
    return { channels: [], unwatched: [], nodes, connections };
  };
  const hub = await openHub({
    hot,
    entries: createEntries(hot, null),
    bus,
    recover,
    readInbox: async () => [],
    logger,
    node,
    maxConnections: MOST,
  });
  return {
    bus,
    hub,
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

test("one connection too many closes the oldest on the node that has it, and a node that is gone does not count", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await userState(hot, "ann", { node: "gone", connections: { oldest: 1, count: MOST } });
  await using one = await openNode(hot, logger, "one");
  await using two = await openNode(hot, logger, "two");
  await until(
    () => one.bus.nodes().has("two") && two.bus.nodes().has("one"),
    20_000,
    () => "the nodes of each other",
  );
  const closed: string[] = [];
  await one.hub.attach(outlet("first", closed), request);
  await two.hub.attach(outlet("second", closed), request);
  await two.hub.attach(outlet("third", closed), request);
  await until(
    async () => !(await userState(hot, "ann")).nodes.includes("gone"),
    20_000,
    () => "the node that is gone taken out",
  );
  expect(closed).toEqual([]);
  await two.hub.attach(outlet("fourth", closed), request);
  await until(
    () => closed.length > 0,
    20_000,
    () => "the oldest closed",
  );
  expect(closed).toEqual(["first 4501"]);
});

test("where what is said of a node is not so, it closes nothing and puts it right", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await using one = await openNode(hot, logger, "one");
  const closed: string[] = [];
  await one.hub.attach(outlet("first", closed), request);
  const wrong = { oldest: 1, count: MOST + 1 };
  await userState(hot, "ann", { node: "one", connections: wrong });
  one.bus.tell("one", { word: "tooMany", user: "ann", seen: { node: "one", ...wrong } });
  await until(
    async () => (await userState(hot, "ann")).connections[0]?.count === 1,
    20_000,
    () => "one connection on record",
  );
  expect(closed).toEqual([]);
});

test("a node that was taken for gone says again who is online there", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await using one = await openNode(hot, logger, "one");
  await one.hub.attach(outlet("first", []), request);
  await wentOffline(hot, "ann", "one");
  await hot.redis.zrem(keys.nodes, nodeChannel("one"));
  await until(
    async () => (await userState(hot, "ann")).nodes.includes("one"),
    10_000,
    () => "the user online again",
  );
  expect((await userState(hot, "ann")).connections).toMatchObject([{ node: "one", count: 1 }]);
});

test("a node that ends has noted all who went before", async () => {
  await using world = await startHot();
  const { hot, logger } = world;
  await using one = await openNode(hot, logger, "one");
  const users = Array.from({ length: 200 }, (_, i) => `user${i}`);
  const outlets = users.map((user) => outlet("only", [], user));
  await Promise.all(outlets.map((each) => one.hub.attach(each, request)));
  for (const each of outlets) one.hub.detach(each);
  await one.hub[Symbol.asyncDispose]();
  const online = await Promise.all(users.map((user) => hot.redis.hget(keys.user(user), "on")));
  expect(online).toEqual(users.map(() => ""));
});
