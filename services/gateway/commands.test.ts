import { expect, test } from "vitest";
import { connected, RawClient, startTestGateway, tokenOf } from "./testing.ts";

const connect = (user = "ann") => ({ id: 1, connect: { token: tokenOf(user) } });
const rpc = (id: number, method: string, data?: object) => ({ id, rpc: { method, data } });

test("commands behind connect are served in order once it has succeeded", async () => {
  const order: unknown[] = [];
  await using world = await startTestGateway({
    send: (params, _caller, done) => {
      order.push((params as { clientMsgId: string }).clientMsgId);
      done(undefined, "{}");
    },
  });
  using client = await new RawClient(world.gateway).opened();
  const send = (id: number) => rpc(id, "message.send", { conversationId: "1", clientMsgId: `m${id}`, kind: "text", body: { text: "hi" } });
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
