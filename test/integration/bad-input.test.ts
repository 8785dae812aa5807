import { createSigner } from "fast-jwt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { methodTable } from "#shared/wire/methods.ts";
import type { Conversation } from "#shared/wire/values.ts";
import { openRaw, type RawClient } from "#test/support/raw-client.ts";
import { createDevice, freshId, hears, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
/** Ann's second device: whatever the others do, it stays and hears. */
let bystander: Device;
let ann: RawClient;
let group: Conversation;
let single: Conversation;

beforeAll(async () => {
  world = await startWorld();
  ann = await openRaw(world.socket(), await world.token("ann"));
  bystander = createDevice({ socket: world.socket(), user: "ann", token: () => world.token("ann") });
  await bystander.connect();
  const make = (params: object) => world.call<{ conversation: Conversation }>("ann", "conversation.create", params);
  group = (await make({ kind: "group", title: "Kitchen", members: ["bob"] })).conversation;
  single = (await make({ kind: "single", user: "bob" })).conversation;
});

afterAll(async () => {
  ann[Symbol.dispose]();
  bystander[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

/** The same call over both ways in: code and text must agree. */
async function refusal(method: string, params: object, user = "ann"): Promise<{ code: number; message: string }> {
  using client = await openRaw(world.socket(), await world.token(user));
  const { error: onSocket } = await client.ask({ rpc: { method, data: params } });
  const response = await fetch(`${world.http()}/v1/rpc/${method}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${await world.token(user)}` },
    body: JSON.stringify(params),
  });
  const { error: overHttp } = (await response.json()) as { error?: { code: number; message: string } };
  expect(onSocket).toBeDefined();
  expect({ code: overHttp?.code, message: overHttp?.message }).toEqual({ code: onSocket?.code, message: onSocket?.message });
  return onSocket ?? { code: 0, message: "" };
}

const message = (more: object = {}) => ({
  conversationId: group.id,
  clientMsgId: freshId(),
  kind: "text",
  body: { text: "hello" },
  ...more,
});

describe("a call", () => {
  test("to a method that does not exist is answered 104", async () => {
    expect(await refusal("message.sendd", message())).toMatchObject({ code: 104 });
    expect(await refusal("__proto__", {})).toMatchObject({ code: 104 });
  });

  test("with a bad parameter is answered 107 with the parameter's name", async () => {
    const cases: [string, object, string][] = [
      ["message.send", { ...message(), clientMsgId: undefined }, "clientMsgId"],
      ["message.send", message({ clientMsgId: "ö" }), "clientMsgId"],
      ["message.send", message({ clientMsgId: "x".repeat(65) }), "clientMsgId"],
      ["message.send", message({ colour: "red" }), "colour"],
      ["message.send", message({ kind: "poem" }), "kind"],
      ["message.send", message({ body: { text: "" } }), "body.text"],
      ["message.send", message({ body: null }), "body"],
      ["message.send", message({ kind: "location", body: { lat: 91, lon: 0 } }), "body.lat"],
      ["message.send", message({ replyTo: 0 }), "replyTo"],
      ["message.send", message({ replyTo: 1.5 }), "replyTo"],
      ["message.send", message({ mentions: ["a b"] }), "mentions"],
      ["message.send", message({ conversationId: 17 }), "conversationId"],
      ["message.send", message({ conversationId: "017" }), "conversationId"],
      ["conversation.list", { limit: 201 }, "limit"],
      ["conversation.list", { limit: 0 }, "limit"],
      ["conversation.list", { cursor: "nonsense" }, "cursor"],
      ["conversation.create", { kind: "group", members: [] }, "title"],
      ["conversation.create", { kind: "group", title: "x".repeat(201), members: [] }, "title"],
      ["conversation.create", { kind: "group", title: "a", members: [".x"] }, "members"],
      ["conversation.create", { kind: "single", user: "x".repeat(65) }, "user"],
      ["conversation.update", { conversationId: group.id, meta: "x".repeat(4_097) }, "meta"],
      ["timeline.sync", { positions: { "inbox:ann": { epoch: "abcd", offset: -1 } } }, "offset"],
      ["timeline.sync", { positions: {}, wait: 31 }, "wait"],
      ["message.read", { conversationId: group.id, seq: -1 }, "seq"],
    ];
    for (const [method, params, field] of cases) {
      const { code, message: text } = await refusal(method, params);
      expect({ code, field, text, names: text.includes(field) }).toEqual({ code: 107, field, text, names: true });
    }
  });

  test("with a body of 17 KiB is answered 107, and one of 16 KiB is not", async () => {
    expect(await refusal("message.send", message({ body: { text: "x".repeat(17 * 1_024) } }))).toMatchObject({ code: 107 });
    const text = "x".repeat(16 * 1_024 - JSON.stringify({ text: "" }).length);
    expect(await ann.ask({ rpc: { method: "message.send", data: message({ body: { text } }) } })).toMatchObject({ rpc: { data: {} } });
  });

  test("that sends a system message is answered 103", async () => {
    expect(await refusal("message.send", message({ kind: "system", body: { code: "x", args: {} } }))).toMatchObject({ code: 103 });
  });

  test("about a conversation one is not in gets the same 103 as about one that does not exist", async () => {
    const of = { conversationId: group.id };
    const calls: [string, object][] = [
      ["message.send", message()],
      ["message.read", { ...of, seq: 1 }],
      ["conversation.get", of],
      ["conversation.members", of],
      ["conversation.update", { ...of, title: "mine" }],
      ["conversation.update", { ...of, muted: true }],
      ["conversation.add", { ...of, users: ["eve"] }],
      ["conversation.remove", { ...of, users: ["ann"] }],
      ["conversation.join", of],
      ["conversation.leave", of],
      ["message.history", of],
    ];
    for (const [method, params] of calls) {
      const here = await refusal(method, params, "eve");
      const nowhere = await refusal(method, { ...params, conversationId: "999999999999" }, "eve");
      expect({ method, ...here }).toEqual({ method, ...nowhere });
      expect({ method, code: here.code }).toEqual({ method, code: 103 });
    }
  });

  test("that opens a single with oneself, or leaves a single or changes who is in it, is answered 107", async () => {
    expect(await refusal("conversation.create", { kind: "single", user: "ann" })).toMatchObject({ code: 107 });
    expect(await refusal("conversation.leave", { conversationId: single.id })).toMatchObject({ code: 107 });
    expect(await refusal("conversation.add", { conversationId: single.id, users: ["eve"] })).toMatchObject({ code: 107 });
    expect(await refusal("conversation.remove", { conversationId: single.id, users: ["bob"] })).toMatchObject({ code: 107 });
  });

  test("that adds 1,001 users, or creates a group with as many, is answered 107", async () => {
    const users = Array.from({ length: 1_001 }, (_, i) => `u${i}`);
    expect(await refusal("conversation.add", { conversationId: group.id, users })).toMatchObject({ code: 107 });
    expect(await refusal("conversation.create", { kind: "group", title: "many", members: users })).toMatchObject({ code: 107 });
  });

  test("that removes the owner, or comes from a plain member, is answered 103", async () => {
    expect(await refusal("conversation.remove", { conversationId: group.id, users: ["ann"] }, "bob")).toMatchObject({ code: 103 });
    expect(await refusal("conversation.add", { conversationId: group.id, users: ["eve"] }, "bob")).toMatchObject({ code: 103 });
    expect(await refusal("conversation.update", { conversationId: group.id, title: "mine" }, "bob")).toMatchObject({ code: 103 });
  });

  test("to a method that comes later is answered 108", async () => {
    const later = Object.entries(methodTable).filter(([, row]) => row.later === true);
    for (const [method] of later) expect({ method, ...(await refusal(method, {})) }).toMatchObject({ method, code: 108 });
  });
});

describe("a socket", () => {
  const close = async (act: (client: RawClient) => void | Promise<unknown>): Promise<number> => {
    using client = await openRaw(world.socket());
    void Promise.resolve(act(client)).catch(() => undefined);
    return (await client.closed).code;
  };

  test("with a token of another secret is closed with 3500", async () => {
    const forged = createSigner({ key: "another secret, just as long as a real one", algorithm: "HS256" })({
      sub: "ann",
      exp: Math.floor(Date.now() / 1_000) + 60,
    });
    expect(await close((client) => client.ask({ connect: { token: forged } }))).toBe(3500);
    expect(await close((client) => client.ask({ connect: { token: "" } }))).toBe(3500);
  });

  test("that sends garbage, or something else before its connect, is closed with 3501", async () => {
    expect(await close((client) => client.write("garbage"))).toBe(3501);
    expect(await close((client) => client.write("[1]"))).toBe(3501);
    expect(await close((client) => client.write(Buffer.from([1, 2, 3])))).toBe(3501);
    expect(await close((client) => client.ask({ rpc: { method: "unread.get", data: {} } }))).toBe(3501);
  });

  test("that never sends its connect is closed with 3502", async () => {
    expect(await close(() => undefined)).toBe(3502);
  });

  test("that sends a frame over 1 MiB is closed with 4009", async () => {
    const token = await world.token("mallory");
    using client = await openRaw(world.socket(), token);
    client.write(JSON.stringify({ id: 7, rpc: { method: "unread.get", data: { pad: "x".repeat(1_100_000) } } }));
    expect((await client.closed).code).toBe(4009);
  });

  test("that sends a command of 65 KiB gets 106 and stays", async () => {
    const { error } = await ann.ask({ rpc: { method: "unread.get", data: { pad: "x".repeat(65 * 1_024) } } });
    expect(error).toMatchObject({ code: 106 });
    expect(await ann.ask({ rpc: { method: "unread.get", data: {} } })).toMatchObject({ rpc: { data: { total: expect.any(Number) } } });
  });

  test("may ask for no channel of others, publish nothing and not subscribe to what the server holds", async () => {
    const bob = "inbox:bob";
    expect((await ann.ask({ history: { channel: bob, limit: 1 } })).error?.code).toBe(103);
    expect((await ann.ask({ presence: { channel: bob } })).error?.code).toBe(103);
    expect((await ann.ask({ presence_stats: { channel: "live:bob" } })).error?.code).toBe(103);
    expect((await ann.ask({ subscribe: { channel: "inbox:ann" } })).error?.code).toBe(105);
    expect((await ann.ask({ subscribe: { channel: bob } })).error?.code).toBe(103);
    expect((await ann.ask({ subscribe: { channel: "news" } })).error?.code).toBe(102);
    expect((await ann.ask({ publish: { channel: "inbox:ann", data: {} } })).error?.code).toBe(103);
    expect((await ann.ask({ sub_refresh: { channel: "inbox:ann" } })).error?.code).toBe(108);
  });
});

test("all that went past the user's other device, which still hears what is sent, and the server logged no error", async () => {
  const { seq } = await world.call<{ seq: number }>("bob", "message.send", message());
  await hears(bystander, group.id, seq);
  expect(bystander.codes).toEqual([0]);
  expect(errorsIn(world.server().log())).toEqual([]);
});
