import { once } from "node:events";
import { createSigner } from "fast-jwt";
import { type ClientOptions, WebSocket } from "ws";
import { createLogger } from "#shared/run/logger.ts";
import { createRegistry } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Timing } from "./context.ts";
import { type Gateway, type GatewayConfig, startGateway } from "./index.ts";
import type { Pace } from "./paced.ts";
import type { Attached, AttachRequest, Handler, Hub, Outlet, SendHandler } from "./ports.ts";

/** For the gateway's own tests: a hub in memory, a gateway on a free port, and a client that sees every line. */

/** With `JWT_SECRET` set to it a server takes the tokens of `tokenOf`. */
export const testSecret = "a secret of the tests, long enough for HS256";
export const testConfig: GatewayConfig = {
  port: 0,
  host: "127.0.0.1",
  dataDir: "/nowhere",
  jwt: { secret: testSecret, publicKey: null, issuer: null, audience: null },
  allowedOrigins: null,
  development: false,
  rateLimits: true,
  rateSends: 50,
  rateSendsBurst: 200,
  rateRpcs: 100,
  maxConnections: 10,
  pingSeconds: 25,
  drainSeconds: 10,
};

/** A token of the user's that ends in `seconds`. */
export function tokenOf(user: string, seconds = 3_600): string {
  return createSigner({ key: testSecret, algorithm: "HS256" })({ sub: user, exp: Math.floor(Date.now() / 1_000) + seconds });
}

/** Knows who is connected, and holds one channel for each: `live:<user>`. */
class MemoryHub implements Hub {
  readonly outlets: Outlet[] = [];
  readonly requests: AttachRequest[] = [];
  /** Awaited by each attach. */
  attaching: Promise<unknown> = Promise.resolve();
  subsJson = "{}";
  onLive: (outlet: Outlet) => void = () => {};

  async attach(outlet: Outlet, request: AttachRequest): Promise<Attached> {
    this.requests.push(request);
    await this.attaching;
    this.outlets.push(outlet);
    return { subsJson: this.subsJson, unwatched: [], goLive: () => this.onLive(outlet) };
  }

  detach(outlet: Outlet): void {
    const at = this.outlets.indexOf(outlet);
    if (at >= 0) this.outlets.splice(at, 1);
  }

  async history(outlet: Outlet, { channel }: { channel: string }): Promise<string> {
    await this.holds(outlet, channel);
    return '{"publications":[],"epoch":"aaaa","offset":0}';
  }

  async presence(outlet: Outlet, channel: string) {
    await this.holds(outlet, channel);
    return Object.fromEntries(this.outlets.map(({ client, user }) => [client, { user, client }]));
  }

  async holds(outlet: Outlet, channel: string): Promise<boolean> {
    if (channel !== `live:${outlet.user}`) throw new Refusal(102);
    return true;
  }

  connectionsOf(user: string): Outlet[] {
    return this.outlets.filter((each) => each.user === user);
  }

  /** Publishes to everybody's `live:` channel. */
  publish(data: unknown): void {
    for (const outlet of this.outlets) outlet.publish(`live:${outlet.user}`, JSON.stringify(data));
  }
}

export interface TestGateway extends AsyncDisposable {
  gateway: Gateway;
  hub: MemoryHub;
  http: string;
  metrics(): Promise<string>;
}

export interface TestOptions {
  config?: Partial<GatewayConfig>;
  timing?: Partial<Timing>;
  pace?: Omit<Pace, "seconds">;
  handlers?: Record<string, Handler>;
  send?: SendHandler;
}

const acceptAll: SendHandler = (_params, _caller, done) => done(undefined, '{"id":"1","seq":1,"at":1,"duplicate":false}');

export async function startTestGateway({
  config,
  timing,
  pace = {},
  handlers = {},
  send = acceptAll,
}: TestOptions = {}): Promise<TestGateway> {
  const hub = new MemoryHub();
  const registry = createRegistry({ processMetrics: false });
  const gateway = await startGateway({
    config: { ...testConfig, ...config },
    logger: createLogger("silent", { role: "gateway" }),
    registry,
    scrape: () => registry.metrics(),
    methods: { handlers: new Map(Object.entries(handlers)), send },
    hub,
    ready: async () => ({ store: { ok: true, needed: true }, archive: { ok: false, needed: false } }),
    node: "test",
    pace,
    ...(timing === undefined ? {} : { timing }),
  });
  const http = `http://127.0.0.1:${gateway.port}`;
  return { gateway, hub, http, metrics: () => registry.metrics(), [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
}

/** A WebSocket that keeps the frames it gets. */
export class RawClient implements Disposable {
  readonly socket: WebSocket;
  /** Frames as they came, each the list of its lines. */
  readonly frames: string[][] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #read = 0;
  #lines: string[] = [];
  #arrived = Promise.withResolvers<void>();

  constructor(gateway: Gateway, path = "/connection/websocket", options: ClientOptions & { protocols?: string[] } = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, options.protocols ?? [], options);
    this.socket.on("message", (data: Buffer) => this.#take(data.toString()));
    this.socket.on("error", () => {});
    this.closed = once(this.socket, "close").then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
  }

  #take(frame: string): void {
    const lines = frame.split("\n");
    this.frames.push(lines);
    this.#lines.push(...lines);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  async opened(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, "open");
    return this;
  }

  /** Sends objects as the lines of one frame. */
  send(...commands: object[]): void {
    this.socket.send(commands.map((each) => JSON.stringify(each)).join("\n"));
  }

  /** The next line that was not read yet. */
  async next(): Promise<unknown> {
    while (this.#read >= this.#lines.length) await this.#arrived.promise;
    const line = this.#lines[this.#read++] ?? "";
    return JSON.parse(line);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

/** A client past its connect reply. */
export async function connected(gateway: Gateway, user: string, seconds?: number): Promise<RawClient> {
  const client = await new RawClient(gateway).opened();
  client.send({ id: 1, connect: { token: tokenOf(user, seconds) } });
  await client.next();
  return client;
}
