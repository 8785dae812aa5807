import { setTimeout as after } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { parseClusterUrl, type ClusterAddress } from "#shared/run/redis-url.ts";
import { disconnect } from "./away.ts";

/** How long a Redis that is still coming up is waited for at the start, and one connection to it (ms). */
const PATIENCE = 5_000;
const NODE_PATIENCE = 2_000;
const PAUSE = 200;

/** The setting can't be right, so that waiting is of no use. */
class Misnamed extends Error {}

/**
 * Resolves when the Redis that the setting names answers; of a cluster, when one of the nodes named says that all is well.
 * @throws Error in one line, naming setting, address and cause, where it does not within 5 s, or is not what the setting says
 */
export async function reachRedis(url: string): Promise<void> {
  const address = parseClusterUrl(url);
  const look = address === null ? () => lookAtOne(url) : () => lookAtCluster(address);
  for (const deadline = Date.now() + PATIENCE; ;) {
    const cause = await look();
    if (cause === null) return;
    if (Date.now() > deadline)
      throw new Error(`REDIS_URL names ${shown(url)}, which does not answer (${cause}); start it or correct the setting`);
    await after(PAUSE);
  }
}

const shown = (url: string): string => url.replace(/\/\/[^@/]*@/, "//");

/** Why it can't be worked with yet; null if it can. */
async function lookAtOne(url: string): Promise<string | null> {
  return briefly(new Redis(url, brief), shown(url), async (redis) => {
    if (!(await redis.info("cluster")).includes("cluster_enabled:1")) return null;
    throw new Misnamed(`REDIS_URL names ${shown(url)}, a node of a Redis Cluster; write redis+cluster://host:port,host:port`);
  });
}

/** The same; one node that is well is enough. */
async function lookAtCluster({ nodes, access }: ClusterAddress): Promise<string | null> {
  const causes: string[] = [];
  for (const { host, port } of nodes) {
    const where = `${host}:${port}`;
    const cause = await briefly(new Redis({ host, port, ...access, ...brief }), where, async (redis) => {
      const info = (await redis.call("CLUSTER", "INFO")) as string;
      return /^cluster_state:ok/m.test(info) ? null : (/^cluster_state:\w+/m.exec(info)?.[0] ?? "it tells no cluster_state");
    });
    if (cause === null) return null;
    causes.push(`${where}: ${cause}`);
  }
  return causes.join("; ");
}

/** For a connection that is given up at the first trouble. */
const brief = {
  connectTimeout: NODE_PATIENCE,
  commandTimeout: NODE_PATIENCE,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
} satisfies RedisOptions;

async function briefly(redis: Redis, where: string, look: (redis: Redis) => Promise<string | null>): Promise<string | null> {
  const errors: Error[] = [];
  redis.on("error", (err: Error) => errors.push(err));
  try {
    return await look(redis);
  } catch (thrown) {
    if (thrown instanceof Misnamed) throw thrown;
    const { message } = errors[0] ?? (thrown as Error);
    if (/cluster support disabled/i.test(message))
      throw new Misnamed(
        `REDIS_URL names ${where}, which is not a node of a Redis Cluster (${message}); write redis://${where} for a single Redis`,
      );
    if (/WRONGPASS|NOAUTH|NOPERM/.test(message))
      throw new Misnamed(`REDIS_URL names ${where}, which does not let the server in (${message}); correct user and password`);
    return message;
  } finally {
    disconnect(redis);
  }
}
