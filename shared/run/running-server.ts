import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the stores of a server are, as it says itself in its data directory. */
export interface RunningServer {
  redisUrl: string;
  clickhouseUrl: string;
  /** Of the embedded graph; null with another. */
  graphUrl: string | null;
}

/** What the server of a data directory said when it started last. Throws where none has run there. */
export async function runningServer(dataDir: string): Promise<RunningServer> {
  try {
    return JSON.parse(await readFile(join(dataDir, "endpoints.json"), "utf8")) as RunningServer;
  } catch (cause) {
    throw new Error(`no server has run in ${dataDir}; start one, or set REDIS_URL and the other stores' addresses, or DATA_DIR`, { cause });
  }
}

/** A secret that a server has generated in its data directory. */
export const secretOf = async (dataDir: string, name: "clickhouse-password" | "graph-secret"): Promise<string> =>
  (await readFile(join(dataDir, name), "utf8")).trim();
