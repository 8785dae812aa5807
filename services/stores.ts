import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import type { Registry } from "prom-client";
import { type ClickHouseChild, startClickHouse } from "#infra/clickhouse/child.ts";
import { startRedis } from "#infra/redis/child.ts";
import { createColdClient } from "#shared/cold/client.ts";
import { createColdStore, type ColdStore } from "#shared/cold/store.ts";
import { openBus, type Bus } from "#shared/hot/bus.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { IdsRefused, timeOf } from "#shared/ids/snowflake.ts";
import { leaseSnowflake } from "#shared/ids/worker-lease.ts";
import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics, type Metrics, runMetrics } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import { openCold } from "./cold-start.ts";

/** What every role works with. */
export interface Stores {
  config: Config;
  logger: Logger;
  registry: Registry;
  metrics: RunMetrics;
  /** Names this process among the nodes. */
  node: string;
  redisUrl: string;
  clickhouseUrl: string;
  hot: Hot;
  /** For readers: who waits for a page is told soon that the archive is away. */
  cold: ColdStore;
  /** For the archive, whose batches and checks may take their time. */
  archive: ColdStore;
  /** Rejects while the cold tier does not answer. */
  pingCold: () => Promise<void>;
  bus: Bus;
  ids: Ids;
}

/** Longest wait of a reader for ClickHouse, ms. */
const READ_PATIENCE = 4_000;

/** Opens the stores, starting those that no setting names as children. All is put on the stack as it opens. */
export async function openStores(config: Config, logger: Logger, registry: Registry, stack: AsyncDisposableStack): Promise<Stores> {
  await mkdir(config.dataDir, { recursive: true });
  const metrics = defineMetrics(registry, runMetrics);
  const [redisUrl, clickhouse] = await Promise.all([
    config.redisUrl ?? embeddedRedis(config, logger, stack, () => metrics.tributary_redis_child_restarts_total.inc()),
    config.clickhouseUrl === null ? embeddedClickHouse(config, logger, stack, metrics) : outerClickHouse(config.clickhouseUrl),
  ]);
  const client = stack.use(createColdClient(clickhouse));
  const reading = stack.use(createColdClient({ ...clickhouse, timeoutMs: READ_PATIENCE }));
  const hot = stack.use(await openHot(redisUrl, logger));
  await openCold({ client: client.clickhouse, logger, stack });
  return {
    config,
    logger,
    registry,
    metrics,
    node: randomUUID().slice(0, 8),
    redisUrl,
    clickhouseUrl: clickhouse.url,
    hot,
    cold: createColdStore(reading.clickhouse),
    archive: createColdStore(client.clickhouse),
    pingCold: async () => {
      const answer = await reading.clickhouse.ping();
      if (!answer.success) throw answer.error;
    },
    bus: stack.use(await openBus(hot, logger)),
    ids: await leasedIds(hot, logger, stack),
  };
}

/** Share of the machine's memory that the embedded Redis may take. */
const REDIS_SHARE = 0.5;

async function embeddedRedis(config: Config, logger: Logger, stack: AsyncDisposableStack, onRestart: () => void): Promise<string> {
  const maxMemory = Math.floor(totalmem() * REDIS_SHARE);
  const child = await startRedis({ dir: join(config.dataDir, "redis"), durability: config.durability, maxMemory, logger, onRestart });
  return stack.use(child).url;
}

type RunMetrics = Metrics<typeof runMetrics>;

interface ClickHouseAccess {
  url: string;
  user?: string;
  password: string;
}

async function embeddedClickHouse(
  config: Config,
  logger: Logger,
  stack: AsyncDisposableStack,
  metrics: RunMetrics,
): Promise<ClickHouseAccess> {
  const password = await secretFile(join(config.dataDir, "clickhouse-password"));
  const analystPassword = config.analystPassword ?? (config.development ? "" : await secretFile(join(config.dataDir, "analyst-password")));
  const child = await startClickHouse({
    dir: join(config.dataDir, "clickhouse"),
    port: config.clickhousePort,
    tributaryPassword: password,
    analystPassword,
    analystSeconds: config.analystSeconds,
    logger,
  });
  stack.use(child);
  const look = setInterval(() => void showMemory(child, metrics), CLICKHOUSE_LOOK);
  stack.defer(() => clearInterval(look));
  return { url: child.url, password };
}

/** How often the embedded ClickHouse is asked for its memory, ms. */
const CLICKHOUSE_LOOK = 5_000;

async function showMemory(child: ClickHouseChild, metrics: RunMetrics): Promise<void> {
  const status = await child.status().catch(() => null);
  if (status === null) return;
  metrics.tributary_clickhouse_child_memory_bytes.set(status.rss);
  for (const [kind, { busy }] of Object.entries(status.lanes)) metrics.tributary_clickhouse_child_sessions.set({ kind }, busy);
}

/** User and password of a ClickHouse that is not ours stand in its URL. */
function outerClickHouse(given: string): ClickHouseAccess {
  const url = new URL(given);
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return { url: url.origin, password, ...(user === "" ? {} : { user }) };
}

/** A generated secret, kept for the next start. */
async function secretFile(path: string): Promise<string> {
  const fresh = randomBytes(32).toString("base64url");
  try {
    await writeFile(path, fresh, { mode: 0o600, flag: "wx" });
    return fresh;
  } catch {
    return (await readFile(path, "utf8")).trim();
  }
}

/** Message ids under a leased worker id; while there is none, callers are asked to come again. */
async function leasedIds(hot: Hot, logger: Logger, stack: AsyncDisposableStack): Promise<Ids> {
  const leased = stack.use(await leaseSnowflake({ redis: hot.redis, logger }));
  const make = (one: () => string): string => {
    try {
      return one();
    } catch (thrown) {
      throw thrown instanceof IdsRefused ? new Refusal(108, "no message ids for now") : thrown;
    }
  };
  return { next: () => make(() => leased.next()), nextAbove: (id) => make(() => leased.nextAbove(id)), timeOf };
}
