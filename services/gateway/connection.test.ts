import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Refusal } from "#shared/wire/errors.ts";
import { connected, RawClient, startTestGateway, tokenOf } from "./testing.ts";

const quick = { firstCommand: 150, attach: 200, pong: 400, expiry: 300, refused: 100 };
const connect = (user = "ann", seconds?: number) => ({ id: 1, connect: { token: tokenOf(user, seconds) } });
const rpc = (id: number, method: string, data?: object) => ({ id, rpc: { method, data } });

describe("connecting", () => {
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
    world.hub.onLive = (outlet) => outlet.put('{"push":{"channel":"x","unsubscribe":{"code":2000,"reason":"left"}}}');
    using client = await new RawClient(world.gateway).opened();
    client.send(connect());
    await client.next();
    expect(client.frames[0]).toHaveLength(2);
  });
});

describe("frames and commands", () => {
  test("commands behind connect are served in order once it has succeeded", async () => {
    const order: unknown[] = [];
    await using world = await startTestGateway({
      send: (params, _caller, done) => {
        order.push((params as { clientMsgId: string }).clientMsgId);
        done(undefined, "{}");
      },
    });
    using client = await new RawClient(world.gateway).opened();
    const send = (id: number) =>
      rpc(id, "message.send", { conversationId: "1", clientMsgId: `m${id}`, kind: "text", body: { text: "hi" } });
    client.send(connect(), send(7), send(3), send(900));
    const ids = [await client.next(), await client.next(), await client.next(), await client.next()].map(
      (line) => (line as { id: number }).id,
    );
    expect(ids).toEqual([1, 7, 3, 900]);
    expect(order).toEqual(["m7", "m3", "m900"]);
  });

  test("the replies of one turn leave as one frame without blank lines, and blank lines are accepted", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    client.socket.send(`\n${[2, 3, 4].map((id) => JSON.stringify({ id, ping: {} })).join("\n\n")}\n`);
    for (const id of [2, 3, 4]) expect(await client.next()).toEqual({ id, ping: {} });
    expect(client.frames).toHaveLength(2);
  });

  test.each([
    ["text that is no JSON", "hello"],
    ["a JSON list", "[]"],
    ["an empty frame", ""],
    ["a broken id", '{"id":-1,"ping":{}}'],
    ["an id past 32 bits", '{"id":4294967296,"ping":{}}'],
    ["a command without id", '{"rpc":{"method":"unread.get"}}'],
    ["a binary frame", Buffer.from('{"id":2,"ping":{}}')],
    ["text that is no UTF-8", "invalid"],
  ])("%s closes with 3501", async (name, data) => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    if (name === "text that is no UTF-8") client.socket.send(Buffer.from([0xc3, 0x28]), { binary: false });
    else client.socket.send(data);
    expect((await client.closed).code).toBe(3501);
  });

  test("a frame of 1 MiB is taken, one byte more closes with 4009", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    client.socket.send(`{"id":2,"ping":{}}${" ".repeat(1024 * 1024 - 18)}`);
    expect(await client.next()).toMatchObject({ id: 2, error: { code: 106 } });
    client.socket.send("x".repeat(1024 * 1024 + 1));
    expect(await client.closed).toEqual({ code: 4009, reason: "frame too big" });
  });

  test("50 MiB in fragments close with 4009 and are not kept", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    const fragment = Buffer.alloc(256 * 1024, 0x20);
    for (let sent = 0; sent < 200; sent += 1) client.socket.send(fragment, { fin: sent === 199, binary: false });
    expect((await client.closed).code).toBe(4009);
  });

  test("very many tiny fragments close with 4009", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    for (let sent = 0; sent < 20_000; sent += 1) client.socket.send(" ", { fin: false, binary: false });
    expect((await client.closed).code).toBe(4009);
  });

  test("a command over 64 KiB gets 106, and timeline.sync may have 512 KiB", async () => {
    await using world = await startTestGateway({ handlers: { "timeline.sync": async () => ({ ok: true }) } });
    using client = await connected(world.gateway, "ann");
    client.send(rpc(2, "unread.get", { pad: "x".repeat(65_536) }));
    expect(await client.next()).toMatchObject({ id: 2, error: { code: 106 } });
    const positions = Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`conversation:${at}`, { epoch: "aaaa", offset: at }]));
    client.send(rpc(3, "timeline.sync", { positions }));
    expect(await client.next()).toEqual({ id: 3, rpc: { data: { ok: true } } });
  });

  test("commands that the server does not serve are answered or ignored, never fatal", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    client.send({ id: 2, map_publish: {} }, { future: {} }, { id: 9, send: { data: { type: "typing" } } }, { send: {} }, {});
    client.send({ id: 3, publish: { channel: "a", data: 1 } }, { id: 4, sub_refresh: { channel: "a" } }, { id: 5, rpc: "no" });
    client.send({ id: 6, rpc: { method: "unread.get" }, ping: {} });
    const replies = await Promise.all([2, 3, 4, 5, 6].map(() => client.next()));
    expect(replies).toMatchObject([
      { id: 2, error: { code: 108 } },
      { id: 3, error: { code: 103 } },
      { id: 4, error: { code: 108 } },
      { id: 5, error: { code: 107 } },
      { id: 6, ping: {} },
    ]);
  });

  test("channels held by the server can be looked at but neither subscribed nor left", async () => {
    await using world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    const live = { channel: "live:ann" };
    const other = { channel: "inbox:bob" };
    const commands = [
      { subscribe: live },
      { subscribe: other },
      { unsubscribe: live },
      { unsubscribe: other },
      { history: live },
      { history: other },
      { presence: live },
      { presence_stats: live },
    ];
    client.send(...commands.map((command, at) => ({ ...command, id: at + 2 })));
    const byId = new Map<number, unknown>();
    for (let n = 0; n < commands.length; n += 1) {
      const line = (await client.next()) as { id: number };
      byId.set(line.id, line);
    }
    expect(byId.get(2)).toMatchObject({ error: { code: 105 } });
    expect(byId.get(3)).toMatchObject({ error: { code: 102 } });
    expect(byId.get(4)).toMatchObject({ error: { code: 103 } });
    expect(byId.get(5)).toEqual({ id: 5, unsubscribe: {} });
    expect(byId.get(6)).toMatchObject({ history: { offset: 0, epoch: "aaaa" } });
    expect(byId.get(7)).toMatchObject({ error: { code: 102 } });
    expect(byId.get(8)).toMatchObject({ presence: { presence: { [world.hub.outlets[0]?.client ?? ""]: { user: "ann" } } } });
    expect(byId.get(9)).toEqual({ id: 9, presence_stats: { num_clients: 1, num_users: 1 } });
  });

  test("more calls than a connection may have waiting get 111", async () => {
    const gate = Promise.withResolvers<object>();
    await using world = await startTestGateway({ config: { rateLimits: false }, handlers: { "unread.get": () => gate.promise } });
    using client = await connected(world.gateway, "ann");
    client.send(...Array.from({ length: 1_001 }, (_, at) => rpc(at + 2, "unread.get")));
    expect(await client.next()).toMatchObject({ id: 1_002, error: { code: 111, temporary: true } });
    gate.resolve({});
    expect(await client.next()).toEqual({ id: 2, rpc: { data: {} } });
  });
});

describe("life", () => {
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
    client.send(connect());
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

  test("a stopping gateway closes its sockets with 3001 after what they were sent", async () => {
    const world = await startTestGateway();
    using client = await connected(world.gateway, "ann");
    world.hub.publish({ last: true });
    await world.gateway[Symbol.asyncDispose]();
    expect(await client.next()).toMatchObject({ push: { pub: { data: { last: true } } } });
    expect(await client.closed).toEqual({ code: 3001, reason: "shutdown" });
    expect(world.hub.outlets).toEqual([]);
  });
});
