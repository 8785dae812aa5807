import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Refusal } from "#shared/wire/errors.ts";
import { RawClient, startTestGateway, tokenOf } from "./testing.ts";

const quick = { firstCommand: 150, attach: 200, pong: 400, expiry: 300, refused: 100 };
const connect = (user = "ann", seconds?: number) => ({ id: 1, connect: { token: tokenOf(user, seconds) } });

test("the connect reply names the client, its ping and the life of its token", async () => {
  await using world = await startTestGateway();
  using client = await new RawClient(world.gateway).opened();
  client.send(connect());
  expect(await client.next()).toMatchObject({
    id: 1,
    connect: {
      client: expect.stringMatching(/^[0-9a-f-]{36}$/),
      version: expect.any(String),
      ping: 25,
      pong: true,
      expires: true,
      ttl: expect.toSatisfy((ttl: number) => ttl >= 3_560 && ttl <= 3_570),
      subs: {},
      data: { user: "ann", time: expect.any(Number), limits: { commandBytes: 65536 } },
    },
  });
});

test.each([
  ["something else first", { id: 1, rpc: { method: "unread.get" } }],
  ["a pong first", {}],
])("%s closes with 3501", async (_name, command) => {
  await using world = await startTestGateway();
  using client = await new RawClient(world.gateway).opened();
  client.send(command);
  expect(await client.closed).toEqual({ code: 3501, reason: "bad request" });
});

test("a second connect closes with 3501, also in the frame of the first", async () => {
  await using world = await startTestGateway();
  using client = await new RawClient(world.gateway).opened();
  client.send(connect(), { ...connect(), id: 2 });
  expect((await client.closed).code).toBe(3501);
  expect(world.hub.outlets).toEqual([]);
});

test("no command in time closes with 3502", async () => {
  await using world = await startTestGateway({ timing: quick });
  using client = await new RawClient(world.gateway).opened();
  expect((await client.closed).code).toBe(3502);
});

test.each([
  ["no token gets 101, then close 3500", { id: 1, connect: {} }, 101, 3500],
  ["an expired token gets 109, then close 3005", { id: 1, connect: { token: tokenOf("ann", -5) } }, 109, 3005],
  ["bad connect data gets 107, then close 3501", { id: 1, connect: { token: tokenOf("ann"), data: { push: "some" } } }, 107, 3501],
  ["too large a connect gets 106, then close 3501", { id: 1, connect: { token: "x".repeat(600_000) } }, 106, 3501],
])("%s", async (_name, command, error, close) => {
  await using world = await startTestGateway({ timing: quick });
  using client = await new RawClient(world.gateway).opened();
  client.send(command);
  expect(await client.next()).toMatchObject({ id: 1, error: { code: error, message: expect.stringMatching(/./) } });
  expect((await client.closed).code).toBe(close);
});

test("a forged token closes with 3500", async () => {
  await using world = await startTestGateway();
  using client = await new RawClient(world.gateway).opened();
  client.send({ id: 1, connect: { token: `${tokenOf("ann")}x` } });
  expect(await client.closed).toEqual({ code: 3500, reason: "invalid token" });
});

test("a store that is away refuses for now, and closes with a code on which SDKs reconnect", async () => {
  await using world = await startTestGateway({ timing: quick });
  world.hub.attaching = Promise.reject(new Refusal(108));
  world.hub.attaching.catch(() => {});
  using client = await new RawClient(world.gateway).opened();
  client.send(connect());
  expect(await client.next()).toMatchObject({ error: { code: 108, temporary: true } });
  expect((await client.closed).code).toBe(3004);
});

test("a hub that takes too long refuses for now and leaves nobody attached", async () => {
  await using world = await startTestGateway({ timing: quick });
  const late = Promise.withResolvers<void>();
  world.hub.attaching = late.promise;
  using client = await new RawClient(world.gateway).opened();
  client.send(connect());
  expect(await client.next()).toMatchObject({ error: { code: 108, temporary: true } });
  late.resolve();
  expect((await client.closed).code).toBe(3004);
  await nextTurn();
  expect(world.hub.outlets).toEqual([]);
});

test("positions come from connect.subs, and from the data only when there are none", async () => {
  await using world = await startTestGateway();
  const positions = { "inbox:ann": { epoch: "aaaa", offset: 3 } };
  using first = await new RawClient(world.gateway).opened();
  first.send({ id: 1, connect: { token: tokenOf("ann"), data: { positions, push: "notify", device: "web", more: 1 } } });
  await first.next();
  using second = await new RawClient(world.gateway).opened();
  const subs = { "inbox:ann": { recover: true, epoch: "aaaa" }, "live:ann": { flag: 1 } };
  second.send({ id: 1, connect: { token: tokenOf("ann"), subs } });
  await second.next();
  expect(world.hub.requests).toEqual([
    { sdkPositions: null, storedPositions: positions, push: "notify", device: "web" },
    { sdkPositions: { "inbox:ann": { epoch: "aaaa", offset: 0 } }, storedPositions: null, push: "full" },
  ]);
});

test("what the hub puts when going live leaves in the frame of the connect reply", async () => {
  await using world = await startTestGateway();
  world.hub.onLive = (outlet) => outlet.unsubscribed("x", "left");
  using client = await new RawClient(world.gateway).opened();
  client.send(connect());
  await client.next();
  expect(client.frames[0]).toHaveLength(2);
});
