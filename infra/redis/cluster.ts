import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Logger } from "#shared/run/logger.ts";
import { type RedisChild, startRedis } from "./child.ts";
import { freePort } from "./ready.ts";

const SLOTS = 16_384;
/** Masters, each with one replica. */
const MASTERS = 3;
/** How long the nodes may take to agree (ms). */
const PATIENCE = 30_000;

export interface ClusterOptions {
  /** A directory of its own, made when missing; each node has one in it. */
  dir: string;
  durability: "fsync" | "everysec";
  /** A master that does not answer for so long is replaced by its replica (ms); 2,000 if left out. */
  timeoutMs?: number;
  logger: Logger;
}

/** Six nodes of a Redis Cluster on loopback, at ports of their own choosing: three masters, and a replica of each. */
export interface RedisCluster extends AsyncDisposable {
  /** `redis+cluster://` with all six. */
  url: string;
  /** The masters as of the start, then their replicas in the same order. */
  nodes: readonly RedisChild[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the nodes and makes a cluster of them. Resolves when all agree that it is well and each replica has its master's data. */
export async function startRedisCluster({ dir, durability, timeoutMs = 2_000, logger }: ClusterOptions): Promise<RedisCluster> {
  await using stack = new AsyncDisposableStack();
  const nodes = await Promise.all(
    Array.from({ length: MASTERS * 2 }, async (_, n) => {
      const cluster = { busPort: await freePort(), timeoutMs };
      return startRedis({ dir: join(dir, `node-${n}`), durability, cluster, logger });
    }),
  );
  stack.defer(async () => {
    // Masters first: one that ends waits until its replica has everything.
    for (const part of [nodes.slice(0, MASTERS), nodes.slice(MASTERS)]) await Promise.all(part.map((node) => node.stop()));
  });
  await joined(nodes);
  const opened = stack.move();
  const hosts = nodes.map(({ url }) => new URL(url).host);
  return { url: `redis+cluster://${hosts.join(",")}`, nodes, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Makes a cluster of nodes that know nothing of each other. */
async function joined(nodes: readonly RedisChild[]): Promise<void> {
  const connections = nodes.map(({ url }) => new Redis(url));
  try {
    const ids = await Promise.all(connections.map((node) => node.call("CLUSTER", "MYID") as Promise<string>));
    await Promise.all(connections.map((node, n) => node.call("CLUSTER", "SET-CONFIG-EPOCH", n + 1)));
    await Promise.all(
      connections.slice(0, MASTERS).map((node, n) => {
        const first = Math.floor((n * SLOTS) / MASTERS);
        return node.call("CLUSTER", "ADDSLOTSRANGE", first, Math.floor(((n + 1) * SLOTS) / MASTERS) - 1);
      }),
    );
    await Promise.all(connections.slice(1).map((node) => meet(node, nodes[0] as RedisChild, connections[0] as Redis)));
    await agreed(connections, (info) => info.includes(`cluster_known_nodes:${nodes.length}\r`));
    await Promise.all(connections.slice(MASTERS).map((node, n) => node.call("CLUSTER", "REPLICATE", ids[n] as string)));
    await agreed(connections, (info) => info.includes("cluster_state:ok") && info.includes(`cluster_size:${MASTERS}\r`));
    await following(connections.slice(MASTERS));
  } finally {
    for (const connection of connections) connection.disconnect();
  }
}

/** Introduces a node to the first one, by the port it serves on and that of its bus. */
async function meet(node: Redis, { url }: RedisChild, first: Redis): Promise<void> {
  const [, busPort] = (await first.config("GET", "cluster-port")) as [string, string];
  await node.call("CLUSTER", "MEET", "127.0.0.1", new URL(url).port, busPort);
}

async function agreed(connections: readonly Redis[], well: (info: string) => boolean): Promise<void> {
  await waited("the nodes of the cluster to agree", async () => {
    const infos = await Promise.all(connections.map((node) => node.call("CLUSTER", "INFO") as Promise<string>));
    return infos.every(well);
  });
}

async function following(replicas: readonly Redis[]): Promise<void> {
  await waited("the replicas to have their masters' data", async () => {
    const infos = await Promise.all(replicas.map((node) => node.info("replication")));
    return infos.every((info) => info.includes("master_link_status:up"));
  });
}

async function waited(what: string, there: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !(await there()); await after(50))
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE / 1_000} s for ${what}`);
}
