import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Refusal } from "#shared/wire/errors.ts";
import { methodTable } from "#shared/wire/methods.ts";
import { RawClient, startTestGateway, type TestGateway, tokenOf } from "./testing.ts";

let world: TestGateway;
beforeAll(async () => {
  world = await startTestGateway({
    handlers: {
      "unread.get": async (_params, caller) => ({ total: 0, conversations: {}, caller }),
      "conversation.get": async () => {
        throw new Refusal(103);
      },
      "conversation.list": async () => {
        throw new Error("a secret of the inside");
      },
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${world.http}${path}`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", authorization: `Bearer ${tokenOf("ann")}`, ...headers },
  });
  return { status: answer.status, body: (await answer.json()) as unknown };
}

/** A request whose every header is as given. */
async function raw(port: number, path: string, headers: Record<string, string>, body: string, method = "POST") {
  const sent = request({ host: "127.0.0.1", port, path, method, headers });
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, text };
}

describe("rpc over HTTP", () => {
  test("answers the result, with the caller of the token and no session", async () => {
    const { status, body } = await post("/v1/rpc/unread.get", "{}");
    expect(status).toBe(200);
    expect(body).toEqual({ result: { total: 0, conversations: {}, caller: { user: "ann", session: null } } });
  });

  test.each([
    ["no token", "unread.get", "{}", { authorization: "" }, 401, 101],
    ["a forged token", "unread.get", "{}", { authorization: "Bearer a.b.c" }, 401, 101],
    ["an expired token", "unread.get", "{}", { authorization: `Bearer ${tokenOf("ann", -1)}` }, 401, 109],
    ["a method that is not there", "unread.set", "{}", {}, 404, 104],
    ["a method named like an object's own", "constructor", "{}", {}, 404, 104],
    ["another content type", "unread.get", "{}", { "content-type": "text/plain" }, 400, 107],
    ["no JSON", "unread.get", "{", {}, 400, 107],
    ["an unknown parameter", "unread.get", '{"a":1}', {}, 400, 107],
    ["no permission", "conversation.get", '{"conversationId":"1"}', {}, 403, 103],
    ["a method that comes later", "presence.get", '{"users":["bob"]}', {}, 503, 108],
    ["a failure of the inside", "conversation.list", "{}", {}, 500, 100],
    ["more than 64 KiB", "unread.get", `{"a":"${"x".repeat(65_536)}"}`, {}, 429, 106],
    ["more than 512 KiB", "timeline.sync", `{"a":"${"x".repeat(600_000)}"}`, {}, 429, 106],
  ])("%s", async (_name, method, body, headers, status, code) => {
    const answer = await post(`/v1/rpc/${method}`, body, headers as unknown as Record<string, string>);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: { code, message: expect.stringMatching(/./), temporary: code === 108 || code === 100 } });
    expect(JSON.stringify(answer.body)).not.toMatch(/secret|at .*\.ts/);
  });

  test.each([
    ["GET", "/nothing"],
    ["GET", "/v1/rpc/unread.get"],
    ["POST", "/v1/dev/token"],
    ["POST", "/nothing"],
    ["GET", "/%zz"],
  ])("%s %s has an error of the same shape", async (method, path) => {
    const { status, text } = await raw(world.gateway.port, path, { host: "localhost" }, "", method);
    expect([400, 404]).toContain(status);
    expect(JSON.parse(text)).toEqual({ error: { code: expect.any(Number), message: expect.any(String), temporary: false } });
  });
});

describe("for operators and readers", () => {
  test("health, readiness, metrics and the front page are there without a token", async () => {
    expect(await (await fetch(`${world.http}/health`)).json()).toEqual({ status: "ok" });
    expect(await (await fetch(`${world.http}/ready`)).json()).toEqual({
      ready: true,
      dependencies: { store: { ok: true, needed: true }, archive: { ok: false, needed: false } },
    });
    expect(await (await fetch(`${world.http}/metrics`)).text()).toContain("tributary_gateway_connections");
    expect(await (await fetch(world.http)).text()).toContain("/docs");
  });

  test("the docs have every method and need nothing from elsewhere", async () => {
    const document = (await (await fetch(`${world.http}/docs/json`)).json()) as { paths: object };
    expect(Object.keys(document.paths)).toEqual(Object.keys(methodTable).map((method) => `/v1/rpc/${method}`));
    const page = await (await fetch(`${world.http}/docs/`)).text();
    expect(page).toContain("swagger-ui");
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe("origins", () => {
  const upgrade = (to: TestGateway, headers: Record<string, string>) => new RawClient(to.gateway, "/connection/websocket", { headers });

  test("without a list only the server's own pages get in, and clients that are no browser", async () => {
    const own = await upgrade(world, { origin: world.http }).opened();
    own.socket.terminate();
    (await new RawClient(world.gateway).opened()).socket.terminate();
    const other = upgrade(world, { origin: "https://evil.example" });
    const [, response] = (await once(other.socket, "unexpected-response")) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(403);
    const answer = await fetch(`${world.http}/health`, { headers: { origin: "https://evil.example" } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("with a list its pages get in and may call", async () => {
    const origin = "https://app.example";
    await using listed = await startTestGateway({ config: { allowedOrigins: [origin] } });
    (await upgrade(listed, { origin }).opened()).socket.terminate();
    const preflight = await raw(listed.gateway.port, "/v1/rpc/unread.get", { host: "x", origin }, "", "OPTIONS");
    expect(preflight).toMatchObject({ status: 204, headers: { "access-control-allow-origin": origin } });
  });

  test("another path is refused before the upgrade", async () => {
    const client = new RawClient(world.gateway, "/elsewhere");
    const [, response] = (await once(client.socket, "unexpected-response")) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(404);
  });

  test.each([
    ["/connection/websocket", ["centrifuge-json"], "centrifuge-json", false],
    ["/connection/websocket", ["centrifuge-protobuf"], "centrifuge-protobuf", true],
    ["/connection/websocket", ["centrifuge-json", "centrifuge-protobuf"], "centrifuge-protobuf", true],
    ["/connection/websocket", ["something-else"], "", false],
    ["/connection/websocket?cf_protocol=protobuf", [], "", true],
    ["/connection/websocket?format=protobuf", [], "", true],
    ["/connection/websocket?cf_protocol=json", [], "", false],
  ])("at %s offering %s, %j is agreed on", async (path, protocols, agreed, binary) => {
    const socket = new WebSocket(`ws://127.0.0.1:${world.gateway.port}${path}`, protocols);
    socket.on("error", () => {});
    const opened = await once(socket, "open").then(
      () => true,
      () => false,
    );
    // The client library ends a handshake in which none of what it offered was agreed on.
    if (protocols.length > 0 && agreed === "") expect(opened).toBe(false);
    else {
      expect(socket.protocol).toBe(agreed);
      socket.send(binary ? Buffer.from([0]) : Buffer.from("x"), { binary });
      const [code] = (await once(socket, "close")) as [number];
      expect(code).toBe(3501);
    }
    socket.terminate();
  });

  test("frames of the other kind close with 3501", async () => {
    for (const [query, binary] of [
      ["?cf_protocol=protobuf", false],
      ["", true],
    ] as const) {
      const socket = new WebSocket(`ws://127.0.0.1:${world.gateway.port}/connection/websocket${query}`);
      await once(socket, "open");
      socket.send("{}", { binary });
      expect(await once(socket, "close")).toMatchObject([3501, expect.anything()]);
    }
  });
});

describe("development tokens", () => {
  let dataDir = "";
  let development: TestGateway;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "gateway-"));
    const jwt = { secret: null, publicKey: null, issuer: null, audience: null };
    development = await startTestGateway({ config: { development: true, dataDir, jwt } });
  });
  afterAll(async () => {
    await development[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  });

  const ask = (headers: Record<string, string>, body = '{"user":"ann"}') =>
    raw(development.gateway.port, "/v1/dev/token", { host: "localhost:8080", "content-type": "application/json", ...headers }, body);

  test("a token from here connects, and its secret is kept private", async () => {
    const { text } = await ask({});
    const { token } = JSON.parse(text) as { token: string };
    using client = await new RawClient(development.gateway).opened();
    client.send({ id: 1, connect: { token } });
    expect(await client.next()).toMatchObject({ connect: { data: { user: "ann" }, expires: true } });
    expect((await stat(join(dataDir, "dev-secret"))).mode & 0o777).toBe(0o600);
  });

  test.each([
    ["a name that a page could have pointed here", { host: "evil.example" }],
    ["a proxy's header", { "x-forwarded-for": "1.2.3.4" }],
    ["a proxy's standard header", { forwarded: "for=1.2.3.4" }],
    ["a via", { via: "1.1 proxy" }],
    ["a real ip", { "x-real-ip": "127.0.0.1" }],
  ])("with %s the route is not there", async (_name, headers) => {
    expect((await ask(headers as unknown as Record<string, string>)).status).toBe(404);
  });

  test("a bad user, an unknown field or another content type gets 107", async () => {
    expect(await ask({}, '{"user":"!"}')).toMatchObject({ status: 400, text: expect.stringContaining("user must be 1–64") });
    expect((await ask({}, '{"user":"ann","roles":[]}')).status).toBe(400);
    expect((await ask({ "content-type": "text/plain" })).status).toBe(400);
  });
});
