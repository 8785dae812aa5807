/** Where a Redis listens: a TCP port on loopback or a Unix socket. */
export type Endpoint = { port: number } | { socket: string };

export interface ConfOptions {
  /** Absolute. */
  dir: string;
  endpoint: Endpoint;
  durability: "fsync" | "everysec";
  /** Bytes; none: no limit. */
  maxMemory?: number;
  /** To be a node of a cluster. */
  cluster?: ClusterNode;
}

/** What a node of a cluster needs beside. The nodes talk to each other at the port 10,000 above. */
export interface ClusterNode {
  /** A node that does not answer for so long is held to have failed (ms). */
  timeoutMs: number;
}

const clusterLines = ({ timeoutMs }: ClusterNode): string[] => [
  "cluster-enabled yes",
  "cluster-config-file nodes.conf",
  `cluster-node-timeout ${timeoutMs}`,
  // A replica takes over however long it has been cut off: the alternative is that nobody does.
  "cluster-replica-validity-factor 0",
  "cluster-require-full-coverage no",
];

/**
 * The configuration file. Durability is the AOF alone: no snapshots. Nothing is ever evicted, writes are refused at the limit. A tail that a
 * crash cut off is dropped at load: it was never acknowledged.
 */
export function confText({ dir, endpoint, durability, maxMemory, cluster }: ConfOptions): string {
  const listen =
    "port" in endpoint
      ? [`bind 127.0.0.1`, `port ${endpoint.port}`]
      : ["port 0", `unixsocket ${quoted(endpoint.socket)}`, "unixsocketperm 700"];
  const lines = [
    ...listen,
    "protected-mode yes",
    `dir ${quoted(dir)}`,
    "daemonize no",
    "supervised no",
    // The command line must keep the path of this file: by it a Redis left behind is known.
    "set-proc-title no",
    'logfile ""',
    "loglevel notice",
    'save ""',
    "appendonly yes",
    `appendfsync ${durability === "fsync" ? "always" : "everysec"}`,
    "no-appendfsync-on-rewrite no",
    "aof-load-truncated yes",
    "aof-use-rdb-preamble yes",
    "auto-aof-rewrite-percentage 100",
    "auto-aof-rewrite-min-size 64mb",
    `maxmemory ${maxMemory ?? 0}`,
    "maxmemory-policy noeviction",
    // A packed table is walked from its start: past this many fields that costs more time than it saves memory.
    "hash-max-listpack-entries 128",
    "list-max-listpack-size -2",
    "lazyfree-lazy-user-del yes",
    "latency-tracking no",
    ...(cluster === undefined ? [] : clusterLines(cluster)),
  ];
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** The URL of the endpoint as ioredis takes it: `redis://127.0.0.1:<port>`, or the bare path of the socket. */
export function urlOf(endpoint: Endpoint): string {
  return "port" in endpoint ? `redis://127.0.0.1:${endpoint.port}` : endpoint.socket;
}
