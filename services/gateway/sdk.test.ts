import { Centrifuge as JsonSdk } from "centrifuge";
import { Centrifuge as ProtobufSdk } from "centrifuge/build/protobuf";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Gateway } from "./index.ts";
import { startTestGateway, tokenOf } from "./testing.ts";

type Centrifuge = JsonSdk | ProtobufSdk;

/** In Protobuf, an app gives and gets the bytes of its data. */
const bytesOf = (data: unknown) => new TextEncoder().encode(JSON.stringify(data));
const dataOf = (bytes: unknown): unknown => JSON.parse(new TextDecoder().decode(bytes as Uint8Array));
const asIs = (data: unknown): unknown => data;

describe.each([
  { encoding: "JSON", Sdk: JsonSdk, give: asIs, got: asIs },
  { encoding: "Protobuf", Sdk: ProtobufSdk, give: bytesOf, got: dataOf },
])("in $encoding", ({ Sdk, give, got }) => {
  const sdk = (gateway: Gateway, getToken: () => Promise<string>): Centrifuge =>
    new Sdk(`ws://127.0.0.1:${gateway.port}/connection/websocket`, {
      websocket: WebSocket,
      getToken,
      minReconnectDelay: 1,
      maxReconnectDelay: 20,
    });

  /** The next event of this name. */
  const event = <T>(client: Centrifuge, name: string) => new Promise<T>((resolve) => client.once(name as "message", resolve as never));

  test("the JavaScript SDK connects, calls, gets pushes and errors, and reconnects", async () => {
    await using world = await startTestGateway({ handlers: { "unread.get": async () => ({ total: 3 }) } });
    world.hub.subsJson = '{"live:ann":{"recoverable":false}}';
    const client = sdk(world.gateway, async () => tokenOf("ann"));
    const connected = event<{ data: unknown }>(client, "connected");
    client.connect();
    expect(got((await connected).data)).toMatchObject({ user: "ann" });
    expect(got((await client.rpc("unread.get", give({}))).data)).toEqual({ total: 3 });
    await expect(client.rpc("unread.set", give({}))).rejects.toMatchObject({ code: 104, message: "method not found" });
    await expect(client.rpc("unread.get", give({ a: 1 }))).rejects.toMatchObject({ code: 107, message: "bad request: a is not known" });
    const published = event<{ data: unknown }>(client, "publication");
    world.hub.publish({ n: 1 });
    expect(got((await published).data)).toEqual({ n: 1 });
    const again = event(client, "connected");
    const connecting = event<{ code: number }>(client, "connecting");
    world.hub.outlets[0]?.close(3004);
    expect((await connecting).code).toBe(3004);
    await again;
    expect(await client.presence("live:ann")).toMatchObject({ clients: expect.any(Object) });
    client.disconnect();
  });

  test("the JavaScript SDK refreshes its token and stays", async () => {
    await using world = await startTestGateway({ timing: { expiry: 300 } });
    let asked = 0;
    const renewed = Promise.withResolvers<void>();
    const client = sdk(world.gateway, async () => {
      asked += 1;
      if (asked === 3) renewed.resolve();
      return tokenOf("ann", asked < 3 ? 2 : 3_600);
    });
    const connected = event(client, "connected");
    client.connect();
    await connected;
    const [outlet] = world.hub.outlets;
    await renewed.promise;
    expect(await client.presenceStats("live:ann")).toMatchObject({ numClients: 1, numUsers: 1 });
    expect(world.hub.outlets).toEqual([outlet]);
    client.disconnect();
  });

  test("the JavaScript SDK fetches a new token when its first one has expired", async () => {
    await using world = await startTestGateway();
    let asked = 0;
    const client = sdk(world.gateway, async () => tokenOf("ann", ++asked === 1 ? -5 : 3_600));
    const connected = event(client, "connected");
    client.connect();
    await connected;
    expect(asked).toBe(2);
    client.disconnect();
  });

  test("the JavaScript SDK stops for good where it is told to", async () => {
    await using world = await startTestGateway();
    const client = sdk(world.gateway, async () => "a.b.c");
    const disconnected = event<{ code: number; reason: string }>(client, "disconnected");
    client.connect();
    expect(await disconnected).toMatchObject({ code: 3500, reason: "invalid token" });
  });
});
