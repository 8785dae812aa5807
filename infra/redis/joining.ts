import { setTimeout as after } from "node:timers/promises";
import { Redis } from "ioredis";

const SLOTS = 16_384;
/** Masters, each with one replica. */
export const MASTERS = 3;
export const NODES = MASTERS * 2;
/** How long the nodes may take to agree (ms). */
const PATIENCE = 30_000;

/** Makes a cluster of six nodes on loopback that know nothing of each other: the first three are masters. Resolves when all is well. */
export async function joinNodes(ports: readonly number[]): Promise<void> {
  const connections = ports.map((port) => new Redis(port, "127.0.0.1"));
  const ask = (node: Redis, ...words: (string | number)[]) => node.call("CLUSTER", ...words) as Promise<string>;
  try {
    const ids = await Promise.all(connections.map((node) => ask(node, "MYID")));
    await Promise.all(connections.map((node, n) => ask(node, "SET-CONFIG-EPOCH", n + 1)));
    await Promise.all(
      connections.slice(0, MASTERS).map((node, n) => {
        const [first, next] = [n, n + 1].map((part) => Math.floor((part * SLOTS) / MASTERS)) as [number, number];
        return ask(node, "ADDSLOTSRANGE", first, next - 1);
      }),
    );
    await Promise.all(connections.slice(1).map((node) => ask(node, "MEET", "127.0.0.1", ports[0] as number)));
    await agreed(connections, (info) => info.includes(`cluster_known_nodes:${ports.length}\r`));
    await Promise.all(connections.slice(MASTERS).map((node, n) => ask(node, "REPLICATE", ids[n] as string)));
    await agreed(connections, isWell);
    await following(connections.slice(MASTERS));
  } finally {
    for (const connection of connections) connection.disconnect();
  }
}

/** Makes a cluster of nodes that are none yet. Rejects while one of them does not answer, or what they were before does not stand again. */
export async function joinedNodes(ports: readonly number[]): Promise<void> {
  const infos = await Promise.all(ports.map(clusterInfo));
  if (infos.every((info) => info.includes("cluster_known_nodes:1\r"))) await joinNodes(ports);
  else if (!infos.every((info) => info.includes("cluster_state:ok"))) throw new Error("the nodes of the cluster have yet to agree");
}

async function clusterInfo(port: number): Promise<string> {
  const redis = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on("error", () => undefined);
  try {
    return (await redis.call("CLUSTER", "INFO")) as string;
  } finally {
    redis.disconnect();
  }
}

const isWell = (info: string): boolean => info.includes("cluster_state:ok") && info.includes(`cluster_size:${MASTERS}\r`);

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
