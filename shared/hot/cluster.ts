import { Cluster, type Redis } from "ioredis";
import type { ClusterAddress } from "#shared/run/redis-url.ts";
import { slotOf } from "./slots.ts";

/** How long a node may take to let a connection in (ms). */
const NODE_PATIENCE = 2_000;
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
