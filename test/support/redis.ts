import { startRedis, type RedisChild, type RedisOptions } from "#infra/redis/child.ts";
import { startRedisCluster } from "#infra/redis/cluster.ts";

/** True if the tests run on a native Redis Cluster instead of one Redis: `TEST_REDIS=cluster`. */
export const onCluster = process.env["TEST_REDIS"] === "cluster";

/** A Redis of a test's own, or six nodes of one. */
export interface TestRedis extends AsyncDisposable {
  url: string;
  /** Processes that hold data: one, or six. */
  nodes: readonly RedisChild[];
}

/** Starts the kind of Redis that the tests run on. */
export async function startTestRedis({
  dir,
  durability,
  unixSocket,
  logger,
}: Pick<RedisOptions, "dir" | "durability" | "unixSocket" | "logger">): Promise<TestRedis> {
  if (onCluster) return startRedisCluster({ dir, durability, logger });
  const child = await startRedis({ dir, durability, logger, ...(unixSocket === undefined ? {} : { unixSocket }) });
  return { url: child.url, nodes: [child], [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
