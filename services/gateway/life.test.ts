import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { connected, RawClient, startTestGateway, tokenOf } from "./testing.ts";

const aMessage = { conversationId: "1", clientMsgId: "a", kind: "text", body: { text: "hello" } };
const quick = { firstCommand: 150, attach: 200, pong: 400, expiry: 300, refused: 100 };

test("pings go out also under traffic, and a client that answers stays", async () => {
  await using world = await startTestGateway({ config: { pingSeconds: 1 }, timing: quick });
  using client = await connected(world.gateway, "ann");
  for (let pings = 0; pings < 3;) {
    const line = (await client.next()) as object;
    if (Object.keys(line).length === 0) pings += 1;
    client.send({}, { id: 2, ping: {} });
  }
  expect(client.socket.readyState).toBe(client.socket.OPEN);
});

test("no pong closes with 3012", async () => {
  await using world = await startTestGateway({ config: { pingSeconds: 1 }, timing: quick });
  using client = await connected(world.gateway, "ann");
  expect((await client.closed).code).toBe(3012);
});

test("an eleventh connection of a user closes the oldest with 4501", async () => {
  await using world = await startTestGateway();
  const clients: RawClient[] = [];
  for (let n = 0; n < 11; n += 1) clients.push(await connected(world.gateway, "ann"));
  expect(await clients[0]?.closed).toEqual({ code: 4501, reason: "replaced by a newer connection" });
  expect(world.hub.connectionsOf("ann")).toHaveLength(10);
  for (const client of clients) client.socket.terminate();
});

test("a refresh gives the token's new life, and without one the connection ends with 3005", async () => {
  await using world = await startTestGateway({ timing: quick });
  using client = await connected(world.gateway, "ann", 1);
  client.send({ id: 2, refresh: { token: tokenOf("ann", 2) } });
  expect(await client.next()).toMatchObject({ id: 2, refresh: { client: expect.any(String), expires: true, ttl: 1 } });
  expect(await client.closed).toEqual({ code: 3005, reason: "connection expired" });
});

test.each([
  ["an expired token", tokenOf("ann", -1), 3005],
  ["another user's token", tokenOf("bob"), 3500],
  ["a forged token", "a.b.c", 3500],
])("a refresh with %s closes", async (_name, token, code) => {
  await using world = await startTestGateway();
  using client = await connected(world.gateway, "ann");
  client.send({ id: 2, refresh: { token } });
  expect((await client.closed).code).toBe(code);
});

test("a client that does not read is cut with 3008, others are not", async () => {
  await using world = await startTestGateway();
  using slow = await connected(world.gateway, "ann");
  using other = await connected(world.gateway, "bob");
  slow.socket.pause();
  const pad = "x".repeat(100_000);
  for (let n = 0; world.hub.connectionsOf("ann").length > 0; n += 1) {
    world.hub.publish({ n, pad });
    await other.next();
  }
  slow.socket.resume();
  expect((await slow.closed).code).toBe(3008);
  expect(other.socket.readyState).toBe(other.socket.OPEN);
  expect(await world.metrics()).toContain("tributary_gateway_slow_cuts_total 1");
});

test("a connect reply of any size is forgiven to a client that reads slowly", async () => {
  await using world = await startTestGateway();
  world.hub.subsJson = JSON.stringify({ "inbox:ann": { pad: "x".repeat(8_000_000) } });
  using client = await new RawClient(world.gateway).opened();
  client.send({ id: 1, connect: { token: tokenOf("ann") } });
  client.socket.pause();
  while (world.hub.outlets.length === 0) await nextTurn();
  world.hub.publish({ pad: "x".repeat(900_000) });
  await nextTurn();
  await nextTurn();
  expect(world.hub.outlets).toHaveLength(1);
  client.socket.resume();
  await client.next();
  expect(await client.next()).toMatchObject({ push: { channel: "live:ann" } });
});

test("a stopping gateway sends its clients elsewhere one after the other, serves the rest meanwhile, and takes in no more", async () => {
  const hurry = new AbortController();
  const world = await startTestGateway({ config: { drainSeconds: 3_600 }, pace: { perSecond: 1, hurry: hurry.signal } });
  const clients: RawClient[] = [];
  for (let n = 0; n < 5; n += 1) clients.push(await connected(world.gateway, `user${n}`));
  const stopped = world.gateway[Symbol.asyncDispose]();
  expect(await clients[0]?.closed).toEqual({ code: 3001, reason: "shutdown" });
  const last = clients[4] as RawClient;
  last.send({ id: 2, rpc: { method: "message.send", data: aMessage } });
  expect(await last.next()).toMatchObject({ id: 2, rpc: { data: { seq: 1 } } });
  const ready = await fetch(`${world.http}/ready`);
  expect([ready.status, await ready.json()]).toMatchObject([
    503,
    { ready: false, dependencies: { store: { ok: true }, gateway: { ok: false, detail: "the server is stopping" } } },
  ]);
  await expect(new RawClient(world.gateway).closed).rejects.toThrow("503");
  expect(world.hub.outlets.length).toBeGreaterThan(2);
  hurry.abort();
  for (const client of clients) expect(await client.closed).toEqual({ code: 3001, reason: "shutdown" });
  await stopped;
  await expect(fetch(`${world.http}/ready`)).rejects.toThrow("fetch failed");
});

test("a stopping gateway closes its sockets with 3001 after what they were sent", async () => {
  const world = await startTestGateway();
  using client = await connected(world.gateway, "ann");
  world.hub.publish({ last: true });
  await world.gateway[Symbol.asyncDispose]();
  expect(await client.next()).toMatchObject({ push: { pub: { data: { last: true } } } });
  expect(await client.closed).toEqual({ code: 3001, reason: "shutdown" });
  expect(world.hub.outlets).toEqual([]);
});

test("a gateway that stops does not wait for the turn of clients that have left by themselves", async () => {
  await using world = await startTestGateway({ config: { drainSeconds: 3_600 }, pace: { perSecond: 1 / 3_600 } });
  const clients = await Promise.all(["ann", "bob", "cid"].map((user) => connected(world.gateway, user)));
  const stopped = world.gateway[Symbol.asyncDispose]();
  expect((await Promise.race(clients.map(({ closed }) => closed))).code).toBe(3001);
  for (const { socket } of clients) socket.terminate();
  await stopped;
});
