import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { type ClickHouseChild, startClickHouse } from "#infra/clickhouse/child.ts";
import { startGraph } from "#infra/graph/child.ts";
import { startRedis } from "#infra/redis/child.ts";
import { createColdClient } from "#shared/cold/client.ts";
import type { EmbeddedGraph } from "#shared/graph/embedded.ts";
import type { Neo4jAccess } from "#shared/graph/neo4j.ts";
import { prepareNeo4j } from "#shared/graph/neo4j-start.ts";
import { reachRedis } from "#shared/hot/reach.ts";
import { prepareKafka } from "#shared/log/kafka-start.ts";
import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Metrics, runMetrics } from "#shared/run/metrics.ts";
import { openCold } from "./cold-start.ts";

export type RunMetrics = Metrics<typeof runMetrics>;

export interface ClickHouseAccess {
  url: string;
  user?: string;
  password: string;
}

/** The relation graph: the embedded one or a Neo4j. */
export type GraphAccess = { embedded: EmbeddedGraph } | { neo4j: Neo4jAccess };

/** Where the stores' servers are, and how to get in. */
export interface Servers {
  redisUrl: string;
  clickhouse: ClickHouseAccess;
  graph: GraphAccess;
}

/** Finds the stores' servers, starting those that no setting names as children, and brings ClickHouse's tables up to date: once a server, whatever number of processes it has. */
export async function openServers(config: Config, logger: Logger, metrics: RunMetrics, stack: AsyncDisposableStack): Promise<Servers> {
  await mkdir(config.dataDir, { recursive: true });
  if (config.redisUrl !== null) await reachRedis(config.redisUrl);
  if (config.neo4j !== null) await prepareNeo4j(config.neo4j);
  if (config.kafka !== null) await prepareKafka(config.kafka, logger);
  // Redis first: it says at once when another server has the directory, for which the other two would wait.
  const redisUrl =
    config.redisUrl ?? (await embeddedRedis(config, logger, stack, () => metrics.tributary_redis_child_restarts_total.inc()));
  const [clickhouse, graph] = await Promise.all([
    config.clickhouseUrl === null ? embeddedClickHouse(config, logger, stack, metrics) : outerClickHouse(config.clickhouseUrl),
    config.neo4j === null ? embeddedGraph(config, logger, stack) : { neo4j: config.neo4j },
  ]);
  const client = stack.use(createColdClient(clickhouse));
  await openCold({ client: client.clickhouse, tables: config.clickhouseTables, logger, stack });
  return { redisUrl, clickhouse, graph };
}

/** Share of the machine's memory that the embedded Redis may take. */
const REDIS_SHARE = 0.5;

async function embeddedRedis(config: Config, logger: Logger, stack: AsyncDisposableStack, onRestart: () => void): Promise<string> {
  const maxMemory = Math.floor(totalmem() * REDIS_SHARE);
  const { dataDir, durability } = config;
  const child = await startRedis({ dir: join(dataDir, "redis"), durability, unixSocket: true, maxMemory, logger, onRestart });
  return stack.use(child).url;
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

async function embeddedGraph(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<GraphAccess> {
  const secret = await secretFile(join(config.dataDir, "graph-secret"));
  const child = stack.use(await startGraph({ dir: join(config.dataDir, "graph"), secret, logger }));
  return { embedded: { url: child.url, secret } };
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
