import { randomUUID } from "node:crypto";
import type { Registry } from "prom-client";
import { createColdClient } from "#shared/cold/client.ts";
import { createColdStore, type ColdStore } from "#shared/cold/store.ts";
import { openEmbeddedGraph } from "#shared/graph/embedded.ts";
import { guarded } from "#shared/graph/guarded.ts";
import { openNeo4jGraph } from "#shared/graph/neo4j.ts";
import type { Graph } from "#shared/graph/port.ts";
import { openBus, type Bus } from "#shared/hot/bus.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import type { Archived } from "#shared/hot/succession/mending.ts";
import { IdsRefused, timeOf } from "#shared/ids/snowflake.ts";
import { leaseSnowflake } from "#shared/ids/worker-lease.ts";
import { type KafkaClient, openKafka } from "#shared/log/kafka.ts";
import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import { fromRow } from "#shared/wire/rows.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import type { GraphAccess, RunMetrics, Servers } from "./servers.ts";

/** What every role works with. */
export interface Stores {
  config: Config;
  logger: Logger;
  registry: Registry;
  metrics: RunMetrics;
  /** Names this process among the nodes. */
  node: string;
  /** What `/metrics` says: the sums over all processes of this server. */
  scrape: () => Promise<string>;
  /** Aborted when there is no time to stop gently. */
  hurry: AbortSignal;
  hot: Hot;
  /** For readers: who waits for a page is told soon that the archive is away. */
  cold: ColdStore;
  /** For the archive, whose batches and checks may take their time. */
  archive: ColdStore;
  /** Rejects while the cold tier does not answer. */
  pingCold: () => Promise<void>;
  /** The relation graph; each call is refused with 108 within 2 s while it is away. */
  graph: Graph;
  bus: Bus;
  ids: Ids;
  /** `null`: Redis Streams carry the log. */
  kafka: KafkaClient | null;
}

/** Longest wait of a reader for ClickHouse, ms. */
const READ_PATIENCE = 4_000;

/** Connects to the stores' servers. All is put on the stack as it opens. */
export async function connectStores(
  { config, logger, registry, metrics }: Pick<Stores, "config" | "logger" | "registry" | "metrics">,
  { redisUrl, clickhouse, graph }: Servers,
  stack: AsyncDisposableStack,
): Promise<Stores> {
  const client = stack.use(createColdClient(clickhouse));
  const reading = stack.use(createColdClient({ ...clickhouse, timeoutMs: READ_PATIENCE }));
  const cold = createColdStore(reading.clickhouse);
  const archived: Archived = {
    newest: (since) => cold.newestSeqs(since),
    entries: async (wanted) => (await cold.entriesByKeys(wanted)).map(fromRow),
  };
  const hot = stack.use(await openHot(redisUrl, logger, config.redisWait, archived));
  if (hot.cluster && !hot.replicates)
    logger.warn(
      {},
      "REDIS_WAIT is 0: a master of the Redis Cluster that is lost together with a process of Tributary may take with it what was acknowledged just before; set it to 1",
    );
  return {
    config,
    logger,
    registry,
    metrics,
    node: randomUUID().slice(0, 8),
    scrape: () => registry.metrics(),
    hurry: new AbortController().signal,
    hot,
    cold,
    archive: createColdStore(client.clickhouse),
    pingCold: async () => {
      const answer = await reading.clickhouse.ping();
      if (!answer.success) throw answer.error;
    },
    graph: stack.use(guarded(openGraph(graph))),
    bus: stack.use(await openBus(hot, logger)),
    ids: await leasedIds(hot, logger, stack),
    kafka: config.kafka === null ? null : stack.use(openKafka(config.kafka.brokers, logger)),
  };
}

/** The relation graph, not guarded: whoever asks waits for it. */
export const openGraph = (access: GraphAccess): Graph =>
  "neo4j" in access ? openNeo4jGraph(access.neo4j) : openEmbeddedGraph(access.embedded);

/** Message ids under a leased worker id; while there is none, callers are asked to come again. */
export async function leasedIds(hot: Hot, logger: Logger, stack: AsyncDisposableStack): Promise<Ids> {
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
