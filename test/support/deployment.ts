import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse, type ClickHouseChild } from "#infra/clickhouse/child.ts";
import { type Role, roleNames } from "#shared/run/config.ts";
import { createLogger } from "#shared/run/logger.ts";
import { createHttpCalls, type HttpCalls } from "./http-calls.ts";
import { onStack, startStack } from "./stack.ts";
import { startTestRedis, type TestRedis } from "./redis.ts";
import { startServer, type Server } from "./world.ts";

/** The process of a role, or the second one that works beside it. */
export type Place = Role | `${Role} 2`;

/** Many processes: one a role, over a Redis and a ClickHouse that the test itself holds. */
export interface Deployment extends HttpCalls, AsyncDisposable {
  http(): string;
  /** Of a gateway; of the first if none is named. */
  socket(place?: Place): string;
  readonly clickhouseUrl: string;
  readonly redis: TestRedis;
  clickhouse(): ClickHouseChild;
  /** Ends ClickHouse and keeps it away; the function starts it again at the same address. */
  withoutClickHouse(): Promise<() => Promise<void>>;
  server(place: Place): Server;
  /** Starts a role again on the same data, after `server(place).kill()` or `.stop()`, a gateway at the same address; or a second process of it. */
  restart(place: Place): Promise<void>;
  /** Of a gateway. */
  port(place: Place): number;
}

const password = "a password of the tests, for the user that writes";

/** Starts the stores, unless a Redis is given, then a process for each role. `env` adds settings to all of them. */
export async function startDeployment(env: Record<string, string> = {}, given: TestRedis | null = null): Promise<Deployment> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const logger = createLogger("silent", { role: "test" });
  const startColdTier = (at: number) =>
    startClickHouse({ dir: join(dir, "ch"), port: at, tributaryPassword: password, analystPassword: "", analystSeconds: 30, logger });
  const redis = given ?? stack.use(await startTestRedis({ dir: join(dir, "redis"), durability: "fsync", logger }));
  let clickhouse = await startColdTier(0);
  stack.defer(() => clickhouse[Symbol.asyncDispose]());
  const written = new URL(clickhouse.url);
  [written.username, written.password] = ["tributary", encodeURIComponent(password)];
  const settings: Record<string, string> = {
    LOG_LEVEL: "info",
    RATE_LIMITS: "off",
    ...(onStack ? await startStack(stack) : {}),
    ...env,
    REDIS_URL: redis.url,
    CLICKHOUSE_URL: written.href,
  };
  const servers = new Map<Place, Awaited<ReturnType<typeof startServer>>>();
  const port = (place: Place) => Number(new URL(servers.get(place)?.endpoints.http ?? "http://127.0.0.1:0").port);
  const start = async (place: Place): Promise<void> => {
    const [role = place] = place.split(" ");
    servers.set(place, await startServer(join(dir, place), { ...settings, ROLES: role, PORT: String(port(place)) }));
  };
  stack.defer(async () => {
    for (const server of servers.values()) await server.stop();
  });
  for (const role of roleNames.toReversed()) await start(role);
  const http = () => `http://127.0.0.1:${port("gateway")}`;
  const held = stack.move();
  return {
    ...createHttpCalls(http),
    http,
    socket: (place = "gateway") => `ws://127.0.0.1:${port(place)}/connection/websocket`,
    clickhouseUrl: clickhouse.url,
    redis,
    clickhouse: () => clickhouse,
    async withoutClickHouse() {
      const { port: at } = clickhouse;
      await clickhouse[Symbol.asyncDispose]();
      return async () => {
        clickhouse = await startColdTier(at);
      };
    },
    server(place) {
      const server = servers.get(place);
      if (server === undefined) throw new Error(`no ${place} runs`);
      return server;
    },
    restart: start,
    port,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
