import { join } from "node:path";
import type { Logger } from "#shared/run/logger.ts";
import { type RedisChild, startRedis } from "./child.ts";
import { joinNodes, MASTERS, NODES } from "./joining.ts";
import { freePorts } from "./ready.ts";

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
}

/** Starts the nodes and makes a cluster of them. Resolves when all agree that it is well and each replica has its master's data. */
export async function startRedisCluster(options: ClusterOptions): Promise<RedisCluster> {
  await using stack = new AsyncDisposableStack();
  const { ports, nodes } = await startNodes(options);
  stack.defer(async () => {
    // Masters first: one that ends waits until its replica has everything.
    for (const part of [nodes.slice(0, MASTERS), nodes.slice(MASTERS)]) await Promise.all(part.map((node) => node.stop()));
  });
  await joinNodes(ports);
  const opened = stack.move();
  return { url: clusterUrl(ports), nodes, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** A free port may be taken by another process before its node opens it: then all begin anew at others. */
async function startNodes(options: ClusterOptions, tries = 3): Promise<{ ports: number[]; nodes: RedisChild[] }> {
  const { dir, durability, timeoutMs = 2_000, logger } = options;
  const ports = await clusterPorts();
  const started = await Promise.allSettled(
    ports.map((port, n) => startRedis({ dir: join(dir, `node-${n}`), port, durability, cluster: { timeoutMs }, logger })),
  );
  const nodes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = started.find((one) => one.status === "rejected");
  if (failed === undefined) return { ports, nodes };
  await Promise.all(nodes.map((node) => node.stop()));
  if (tries <= 1 || !String(failed.reason).includes("Address already in use")) throw failed.reason;
  return startNodes(options, tries - 1);
}

/** The setting that names nodes on loopback. */
export const clusterUrl = (ports: readonly number[]): string => `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;

/** The nodes talk to each other at a port so much above the one they serve on. */
const BUS = 10_000;
const HIGHEST = 65_535;

/** Ports for six nodes that were free on loopback a moment ago. */
export const clusterPorts = (): Promise<number[]> => freePorts(NODES, (port) => port + BUS <= HIGHEST);
