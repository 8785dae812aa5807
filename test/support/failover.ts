import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { RedisChild } from "#infra/redis/child.ts";
import { startRedisCluster } from "#infra/redis/cluster.ts";
import { slotOf } from "#shared/hot/slots.ts";
import { createLogger } from "#shared/run/logger.ts";
import type { TestRedis } from "./redis.ts";
import { until } from "./until.ts";

const MASTERS = 3;
/** A master that says nothing for so long is replaced (ms). */
const TIMEOUT = 1_000;

/** A node of a cluster and the one that takes over from it. */
export interface Succeeded {
  master: RedisChild;
  replica: RedisChild;
}

/** A Redis Cluster that a server is pointed at, whose masters are soon replaced. */
export interface FailoverCluster extends TestRedis {
  /** The masters as of the start. */
  pairs: readonly Succeeded[];
  /** The one of them that has a key. */
  pairOf(key: string): Promise<Succeeded>;
}

/** Starts it in a directory of its own. */
export async function startFailoverCluster(): Promise<FailoverCluster> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-outer-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const logger = createLogger("silent", { role: "test" });
  const { url, nodes } = stack.use(await startRedisCluster({ dir, durability: "fsync", timeoutMs: TIMEOUT, logger }));
  const pairs = nodes.slice(0, MASTERS).map((master, n): Succeeded => ({ master, replica: nodes[n + MASTERS] as RedisChild }));
  const opened = stack.move();
  return {
    url,
    nodes,
    pairs,
    pairOf: (key) =>
      on(nodes[0] as RedisChild, async (redis) => {
        const slots = await redis.cluster("SLOTS");
        const slot = slotOf(key);
        const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
        return pairs.find(({ master }) => master.url.endsWith(`:${port}`)) as Succeeded;
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function on<T>(node: RedisChild, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(node.url, { maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  try {
    return await act(redis);
  } finally {
    redis.disconnect();
  }
}

/** Waits until a node says so of its replication. */
const says = (node: RedisChild, what: string): Promise<void> =>
  on(node, async (redis) => {
    let info = "";
    await until(
      async () => (info = await redis.info("replication")).includes(what),
      30_000,
      () => `${node.url} to say ${what}; it says ${info}`,
    );
  });

/** The replica gets nothing more from its master, and would take over with what it has. */
export async function cutOff({ replica }: Succeeded): Promise<void> {
  await on(replica, async (redis) => {
    await redis.config("SET", "masterauth", "not the master's");
    await redis.call("CLIENT", "KILL", "TYPE", "master");
  });
  await says(replica, "master_link_status:down");
}

/** The replica has taken over. */
export const replaced = ({ replica }: Succeeded): Promise<void> => says(replica, "role:master");

/** An outage of a master; resolves when it follows the one that has replaced it. */
export type Outage = (pair: Succeeded) => Promise<void>;

/** It is killed, and stays away until it is replaced. */
export const killed: Outage = async (pair) => {
  await pair.master.kill();
  await replaced(pair);
  await pair.master.revive();
  await says(pair.master, "master_link_status:up");
};

/** It hangs until it is replaced, and comes back as if nothing had been, with what it had been sent in the meantime. */
export const stopped: Outage = async (pair) => {
  process.kill(pair.master.pid(), "SIGSTOP");
  try {
    await replaced(pair);
  } finally {
    process.kill(pair.master.pid(), "SIGCONT");
  }
  await says(pair.master, "master_link_status:up");
};
