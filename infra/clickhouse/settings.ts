/** The settings of the ClickHouse child, all from environment variables. */
export interface ServerSettings {
  /** Directory of data, spool files and pipes; made if missing. One process at a time may own it. */
  dir: string;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  tributaryPassword: string;
  /** Empty: `default` and `analyst` need no password. */
  analystPassword: string;
  /** Longest query of an analyst, in seconds. */
  analystSeconds: number;
  writePlaces: number;
  readPlaces: number;
  analystPlaces: number;
  /** Analysts' queries that may wait for a place; the next is refused with code 202. */
  analystWaiting: number;
  /** Memory for one query of an analyst, in bytes. */
  analystMemory: number;
  analystThreads: number;
}

const positive = (env: NodeJS.ProcessEnv, name: string, fallback: number, least = 1): number => {
  const raw = env[name];
  if (raw === undefined || raw === "") return fallback;
  const value = Number(raw);
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`${name} must be a whole number of at least ${least}, not "${raw}"`);
  return value;
};

/** Reads the settings; throws one clear sentence naming the first bad or missing one. */
export const readSettings = (env: NodeJS.ProcessEnv): ServerSettings => {
  const dir = env["CLICKHOUSE_DIR"];
  const tributaryPassword = env["CLICKHOUSE_TRIBUTARY_PASSWORD"];
  if (!dir) throw new Error("CLICKHOUSE_DIR must name the directory of the embedded ClickHouse");
  if (!tributaryPassword) throw new Error("CLICKHOUSE_TRIBUTARY_PASSWORD must be set");
  return {
    dir,
    tributaryPassword,
    host: env["CLICKHOUSE_HOST"] || "127.0.0.1",
    port: positive(env, "CLICKHOUSE_PORT", 0, 0),
    analystPassword: env["ANALYST_PASSWORD"] ?? "",
    analystSeconds: positive(env, "ANALYST_SECONDS", 30),
    writePlaces: positive(env, "CLICKHOUSE_WRITE_PLACES", 3),
    readPlaces: positive(env, "CLICKHOUSE_READ_PLACES", 4),
    analystPlaces: positive(env, "CLICKHOUSE_ANALYST_PLACES", 3),
    analystWaiting: positive(env, "CLICKHOUSE_ANALYST_WAITING", 32),
    analystMemory: positive(env, "CLICKHOUSE_ANALYST_MEMORY", 1_000_000_000),
    analystThreads: positive(env, "CLICKHOUSE_ANALYST_THREADS", 1),
  };
};
