/** The nodes of a Redis Cluster that a setting names, and how to get in. */
export interface ClusterAddress {
  nodes: { host: string; port: number }[];
  access: { username?: string; password?: string; tls?: object };
}

const DEFAULT_PORT = 6_379;

/** Bytes that the path of a socket may have on every system. */
const LONGEST_SOCKET_PATH = 103;

/** True for the absolute path of a socket, as the client takes it: it reads a question mark as the end of the path. */
export const isSocketPath = (text: string): boolean =>
  text.startsWith("/") && !text.includes("?") && Buffer.byteLength(text) <= LONGEST_SOCKET_PATH;

/**
 * Reads `redis+cluster://user:password@host:port,host:port…` (`rediss+cluster:` with TLS), or a list of more than one `redis://host:port`; null for
 * anything else, such as the URL of one Redis.
 */
export function parseClusterUrl(url: string): ClusterAddress | null {
  const [, secure, cluster, login, list = ""] = /^redis(s?)(\+cluster)?:\/\/(?:([^@/]*)@)?([^@]+?)\/?$/.exec(url) ?? [];
  if (secure === undefined) return null;
  const nodes = list.split(",").map((one) => nodeOf(one.replace(/^rediss?:\/\//, "")));
  if (nodes.includes(null) || (cluster === undefined && nodes.length < 2)) return null;
  const [username = "", password = ""] = (login ?? "").split(":").map(decodeURIComponent);
  const access = {
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    ...(secure === "" ? {} : { tls: {} }),
  };
  return { nodes: nodes.filter((node) => node !== null), access };
}

function nodeOf(text: string): { host: string; port: number } | null {
  const parsed = URL.parse(`redis://${text}`);
  if (parsed === null || parsed.host !== text || parsed.hostname === "") return null;
  return { host: parsed.hostname.replace(/^\[|\]$/g, ""), port: Number(parsed.port) || DEFAULT_PORT };
}
