import { isIPv4 } from "node:net";
import {
  choice,
  directory,
  duration,
  flag,
  host,
  integer,
  origins,
  password,
  publicKey,
  redisUrl,
  Refusal,
  servers,
  type Setting,
  signingSecret,
  someOf,
  text,
  url,
} from "./setting-kinds.ts";

/** Every part a process can run, in the order of a message's way. */
export const roleNames = ["gateway", "fanout", "archive"] as const;
export type Role = (typeof roleNames)[number];

/** Every setting the server knows: nothing else is read from the environment, and the docs are made from this table. */
export const settings = {
  PORT: integer(8080, 0, 65_535, "Port of HTTP and WebSocket; 0 chooses a free one."),
  HOST: host("127.0.0.1", "Address to listen on. Not loopback only with a JWT key."),
  METRICS_PORT: integer(
    0,
    0,
    65_535,
    "Port of /health, /ready and /metrics of a process without the role gateway, which has them on PORT; 0: none.",
  ),
  DATA_DIR: directory("./data", "Where the embedded stores and generated secrets live."),
  ROLES: someOf(roleNames, "Which parts this process runs."),
  REDIS_URL: redisUrl("Redis or Redis Cluster to use; none: a Redis child with its data in DATA_DIR."),
  CLICKHOUSE_URL: url(["http:", "https:"], "ClickHouse to use; none: the embedded one."),
  CLICKHOUSE_PORT: integer(8123, 0, 65_535, "Port of the embedded ClickHouse; 0 chooses a free one."),
  CLICKHOUSE_REPLICATED: flag(
    false,
    "`on`: of several servers at CLICKHOUSE_URL each has all tables (ReplicatedReplacingMergeTree in a database of the kind Replicated, by the servers' macros {shard} and {replica}). Decided before the first start.",
  ),
  CLICKHOUSE_STORAGE_POLICY: text(
    "Storage policy of `messages` and `inbox` on the servers at CLICKHOUSE_URL; months older than WARM_DAYS go to its volume `cold`, if it has one. None: theirs as it is.",
  ),
  KAFKA_BROKERS: servers("Kafka as the log; none: Redis Streams carry it."),
  KAFKA_PARTITIONS: integer(
    8,
    8,
    1_024,
    "Partitions of each topic in Kafka: topics that are not there are made with so many, others must have them. The same for all processes, and for good: order hangs on it.",
  ),
  NEO4J_URL: url(["bolt:", "bolt+s:", "neo4j:", "neo4j+s:"], "Neo4j for the relation graph; none: the embedded one."),
  NEO4J_USER: text("User for NEO4J_URL; none: neo4j."),
  NEO4J_PASSWORD: password("Password for NEO4J_URL."),
  JWT_SECRET: signingSecret("Verifies HS256 tokens. Without it and JWT_PUBLIC_KEY the server is in development."),
  JWT_PUBLIC_KEY: publicKey("Verifies RS256 or ES256 tokens."),
  JWT_ISSUER: text("Tokens must have this `iss`; none: not checked."),
  JWT_AUDIENCE: text("Tokens must have this `aud`; none: not checked."),
  ALLOWED_ORIGINS: origins("Browser origins let in by WebSocket and CORS; none: only the server's own."),
  FANOUT_WRITE_MAX: integer(500, 1, 100_000, "A conversation with more members is read from its mailbox instead of copied."),
  FANOUT_WRITE_BUDGET: integer(
    2_000,
    0,
    10_000_000,
    "Inbox writes a second one conversation may cause before it is read instead; 0: no budget.",
  ),
  SEND_ACK: choice(
    ["committed", "accepted"],
    "When a send is answered: `committed`, when it has its seq; `accepted`, when it is in the log of sends. The same for all processes.",
  ),
  DEDUPE_WINDOW: duration("1h", 1_000, 7 * 86_400_000, "How long a repeated clientMsgId or requestId finds its first result."),
  DURABILITY: choice(["fsync", "everysec"], "`fsync`: each acknowledged send is on disk; `everysec`: a crash may lose the last seconds."),
  REDIS_WAIT: integer(
    0,
    0,
    100,
    "Replicas that must hold a send before it is acknowledged; on a Redis Cluster, all that anybody is told of. With 0 there, what a lost master takes along is done again by the processes that keep it; with 1 nothing is lost if one of them is lost as well.",
  ),
  OUTBOX_MAX: integer(
    1_000_000,
    100,
    1_000_000_000,
    "Entries that may wait in a partition of the outbox or of the log of sends; beyond, sends are asked to come again (111).",
  ),
  RATE_LIMITS: flag(true, "`off` lifts the per-user rates, for load tests."),
  RATE_SENDS: integer(50, 1, 1_000_000, "Sends a second a user may make; each of PROCESSES counts for itself."),
  RATE_SENDS_BURST: integer(200, 1, 1_000_000, "Sends a user may make at once; counted likewise."),
  RATE_RPCS: integer(100, 1, 1_000_000, "RPCs a second a user may make; counted likewise."),
  MAX_CONNECTIONS: integer(10, 1, 10_000, "Connections a user may have, over all processes; one more closes the oldest."),
  PING_SECONDS: integer(25, 1, 3_600, "Seconds between pings to a client."),
  DRAIN_SECONDS: integer(
    10,
    0,
    3_600,
    "Longest time over which a stopping gateway sends its clients elsewhere (3001), 500 a second or as many as it takes; 0: all at once. Give it 15 s more before it is killed.",
  ),
  PROCESSES: integer(
    1,
    1,
    256,
    "Processes that serve on the one port, each with every role of ROLES: about one a core. More than 1 has one more that watches them.",
  ),
  WARM_DAYS: integer(30, 0, 36_500, "Days until history moves from warm to cold storage."),
  ARCHIVE_INBOX: flag(true, "Keep inboxes in ClickHouse too."),
  ANALYST_PASSWORD: password("Password of the reading ClickHouse users; none: generated in DATA_DIR, or not asked for in development."),
  ANALYST_SECONDS: integer(30, 1, 86_400, "Longest query of an analyst, in seconds."),
  LOG_LEVEL: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"], "Least severity that is logged.", "info"),
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof settings;
type Value<N extends SettingName> = ReturnType<(typeof settings)[N]["read"]>;

/** All settings of one start, checked and typed. Times in ms where the name says so. */
export interface Config {
  port: number;
  metricsPort: number;
  host: string;
  /** Absolute. */
  dataDir: string;
  roles: readonly Role[];
  redisUrl: string | null;
  clickhouseUrl: string | null;
  clickhousePort: number;
  /** How the tables lie on the servers of a ClickHouse. */
  clickhouseTables: {
    /** Each server has all of them, in a database that hands changes of the schema on by itself. */
    replicated: boolean;
    /** Of the tables that grow with every message; `null`: the server's own. */
    storagePolicy: string | null;
  };
  /** `null`: Redis Streams are the log. */
  kafka: { brokers: readonly string[]; partitions: number } | null;
  /** `null`: the embedded graph. */
  neo4j: { url: string; user: string; password: string } | null;
  /** `publicKey` is SPKI PEM, RSA or EC P-256. */
  jwt: { secret: string | null; publicKey: string | null; issuer: string | null; audience: string | null };
  /** Origins as browsers write them; `*` among them lets any in; `null`: the server's own only. */
  allowedOrigins: readonly string[] | null;
  fanoutWriteMax: number;
  fanoutWriteBudget: number;
  sendAck: "committed" | "accepted";
  /** Stream entries of a partition. */
  outboxMax: number;
  dedupeWindowMs: number;
  durability: "fsync" | "everysec";
  redisWait: number;
  rateLimits: boolean;
  rateSends: number;
  rateSendsBurst: number;
  rateRpcs: number;
  maxConnections: number;
  pingSeconds: number;
  drainSeconds: number;
  processes: number;
  warmDays: number;
  archiveInbox: boolean;
  analystPassword: string | null;
  analystSeconds: number;
  logLevel: Value<"LOG_LEVEL">;
  /** Neither JWT key is set: the server hands out tokens itself, on loopback only. */
  development: boolean;
}

/** A setting that stops the start. The message is one line that names it and says what to do; secrets are never repeated in it. */
export class ConfigError extends Error {
  readonly setting: SettingName;
  constructor(setting: SettingName, problem: string) {
    super(`${setting} ${problem}`.replaceAll(/\s+/g, " "));
    this.name = "ConfigError";
    this.setting = setting;
  }
}

/** Whether an address or name to listen on can be reached from this machine only. */
export function isLoopback(address: string): boolean {
  return address.toLowerCase() === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

/**
 * Reads and checks every setting of `settings` from the environment. An empty setting counts as left out, but not a secret one.
 * Throws `ConfigError` for the first one that is bad or missing.
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  for (const name of Object.keys(settings) as SettingName[]) read(env, name);
  const config: Config = { ...serving(env), ...stores(env), ...limits(env) };
  if (config.development && !isLoopback(config.host))
    throw new ConfigError(
      "JWT_SECRET",
      `or JWT_PUBLIC_KEY is needed when HOST is not loopback (it is ${config.host}): set one, or leave HOST out`,
    );
  return config;
}

function read<N extends SettingName>(env: Record<string, string | undefined>, name: N): Value<N> {
  const setting: Setting<unknown> = settings[name];
  const given = env[name] === "" && !setting.secret ? undefined : env[name];
  try {
    return setting.read(given) as Value<N>;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const shown = setting.secret ? "can't be used" : `is ${JSON.stringify(given?.slice(0, 100))}`;
    throw new ConfigError(name, `${shown}: ${error.advice}`);
  }
}

function serving(env: Record<string, string | undefined>) {
  const secret = read(env, "JWT_SECRET");
  const publicPem = read(env, "JWT_PUBLIC_KEY");
  return {
    port: read(env, "PORT"),
    metricsPort: read(env, "METRICS_PORT"),
    host: read(env, "HOST"),
    roles: read(env, "ROLES"),
    jwt: { secret, publicKey: publicPem, issuer: read(env, "JWT_ISSUER"), audience: read(env, "JWT_AUDIENCE") },
    allowedOrigins: read(env, "ALLOWED_ORIGINS"),
    pingSeconds: read(env, "PING_SECONDS"),
    drainSeconds: read(env, "DRAIN_SECONDS"),
    processes: read(env, "PROCESSES"),
    logLevel: read(env, "LOG_LEVEL"),
    development: secret === null && publicPem === null,
  };
}

function stores(env: Record<string, string | undefined>) {
  return {
    dataDir: read(env, "DATA_DIR"),
    redisUrl: read(env, "REDIS_URL"),
    clickhouseUrl: read(env, "CLICKHOUSE_URL"),
    clickhousePort: read(env, "CLICKHOUSE_PORT"),
    clickhouseTables: clickhouseTables(env),
    kafka: kafka(env),
    neo4j: neo4j(env),
    durability: read(env, "DURABILITY"),
    sendAck: read(env, "SEND_ACK"),
    outboxMax: read(env, "OUTBOX_MAX"),
    redisWait: read(env, "REDIS_WAIT"),
    dedupeWindowMs: read(env, "DEDUPE_WINDOW"),
    warmDays: read(env, "WARM_DAYS"),
    archiveInbox: read(env, "ARCHIVE_INBOX"),
    analystPassword: read(env, "ANALYST_PASSWORD"),
    analystSeconds: read(env, "ANALYST_SECONDS"),
  };
}

function clickhouseTables(env: Record<string, string | undefined>): Config["clickhouseTables"] {
  const tables = { replicated: read(env, "CLICKHOUSE_REPLICATED"), storagePolicy: read(env, "CLICKHOUSE_STORAGE_POLICY") };
  if (read(env, "CLICKHOUSE_URL") !== null) return tables;
  const needless = tables.replicated ? "CLICKHOUSE_REPLICATED" : tables.storagePolicy === null ? null : "CLICKHOUSE_STORAGE_POLICY";
  if (needless !== null) throw new ConfigError(needless, "is about servers of your own: give their address with CLICKHOUSE_URL");
  return tables;
}

function kafka(env: Record<string, string | undefined>): Config["kafka"] {
  const brokers = read(env, "KAFKA_BROKERS");
  return brokers === null ? null : { brokers, partitions: read(env, "KAFKA_PARTITIONS") };
}

function neo4j(env: Record<string, string | undefined>): Config["neo4j"] {
  const [url, user, secret] = [read(env, "NEO4J_URL"), read(env, "NEO4J_USER"), read(env, "NEO4J_PASSWORD")];
  if (url === null) return null;
  if (secret === null) throw new ConfigError("NEO4J_PASSWORD", "is needed with NEO4J_URL: give the password of its user");
  return { url, user: user ?? "neo4j", password: secret };
}

function limits(env: Record<string, string | undefined>) {
  return {
    fanoutWriteMax: read(env, "FANOUT_WRITE_MAX"),
    fanoutWriteBudget: read(env, "FANOUT_WRITE_BUDGET"),
    rateLimits: read(env, "RATE_LIMITS"),
    rateSends: read(env, "RATE_SENDS"),
    rateSendsBurst: read(env, "RATE_SENDS_BURST"),
    rateRpcs: read(env, "RATE_RPCS"),
    maxConnections: read(env, "MAX_CONNECTIONS"),
  };
}
