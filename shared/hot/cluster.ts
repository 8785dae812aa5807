import { setTimeout as after } from "node:timers/promises";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { ClusterAddress } from "#shared/run/redis-url.ts";
import { slotOf } from "./slots.ts";

/** How long a cluster that is still coming up is waited for at the start, and one of its nodes (ms). */
const START_PATIENCE = 10_000;
const NODE_PATIENCE = 2_000;

/**
 * Resolves when a node named says that the cluster is well.
 * @throws Error in one line, naming setting, address and cause, where none does within 10 s, or one is no node of a cluster
 */
export async function untilWell(address: ClusterAddress): Promise<void> {
  for (const deadline = Date.now() + START_PATIENCE; ;) {
    const causes: string[] = [];
    for (const node of address.nodes) {
      const cause = await unwell(node, address);
      if (cause === null) return;
      causes.push(`${node.host}:${node.port}: ${cause}`);
    }
    if (Date.now() > deadline)
      throw new Error(`REDIS_URL names a Redis Cluster that does not answer (${causes.join("; ")}); start it or correct the setting`);
    await after(200);
  }
}

/** Why a node can't be worked with yet; null if it can. */
async function unwell({ host, port }: ClusterAddress["nodes"][number], { access }: ClusterAddress): Promise<string | null> {
  const redis = new Redis({ host, port, ...access, ...once });
  const errors: Error[] = [];
  redis.on("error", (err: Error) => errors.push(err));
  try {
    const info = (await redis.call("CLUSTER", "INFO")) as string;
    return /^cluster_state:ok/m.test(info) ? null : (/^cluster_state:\w+/m.exec(info)?.[0] ?? "it tells no cluster_state");
  } catch (thrown) {
    const { message } = errors[0] ?? (thrown as Error);
    if (/cluster support disabled/i.test(message))
      throw new Error(
        `REDIS_URL names ${host}:${port}, which is not a node of a Redis Cluster (${message}); write redis:// for a single Redis`,
        { cause: thrown },
      );
    if (/^(WRONGPASS|NOAUTH|NOPERM)/.test(message))
      throw new Error(`REDIS_URL names ${host}:${port}, which does not let the server in (${message}); correct user and password`, {
        cause: thrown,
      });
    return message;
  } finally {
    redis.disconnect();
  }
}

/** For a connection that is given up at the first trouble. */
const once = {
  connectTimeout: NODE_PATIENCE,
  commandTimeout: NODE_PATIENCE,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
} satisfies RedisOptions;

/** How often it is looked whether slots have moved, ms: a master that hangs says nothing of its successor. */
const REFRESH = 1_000;

/** Connects to every master. Calls are sent on to where their slot has moved, and wait for a failover up to some seconds. */
export function connectCluster({ nodes, access }: ClusterAddress, commandTimeout: number): Cluster {
  return new Cluster(nodes, {
    redisOptions: { ...access, maxRetriesPerRequest: null, commandTimeout, connectTimeout: NODE_PATIENCE },
    // Whoever calls repeats it: here it is enough to bear that slots move.
    maxRedirections: 8,
    slotsRefreshInterval: REFRESH,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 500),
  });
}

/** The connection to the master that has the slot of a key; undefined while none is known. */
export function masterOf(cluster: Cluster, key: string): Redis | undefined {
  const address = cluster.slots[slotOf(key)]?.[0];
  return cluster.nodes("master").find(({ options }) => `${options.host}:${options.port}` === address);
}
