import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError, isLoopback, readConfig, settings } from "./config.ts";

const secret = "0123456789abcdef0123456789abcdef";
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = ec.publicKey.export({ type: "spki", format: "pem" }).toString();

function refusal(env: Record<string, string>): ConfigError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("the settings were taken");
}

test("an empty environment gives the defaults of the contract", () => {
  expect(readConfig({})).toEqual({
    port: 8080,
    metricsPort: 0,
    host: "127.0.0.1",
    dataDir: resolve("data"),
    roles: ["gateway", "fanout", "archive"],
    redisUrl: null,
    clickhouseUrl: null,
    clickhousePort: 8123,
    clickhouseTables: { replicated: false, storagePolicy: null },
    kafka: null,
    neo4j: null,
    jwt: { secret: null, publicKey: null, issuer: null, audience: null },
    allowedOrigins: null,
    fanoutWriteMax: 500,
    fanoutWriteBudget: 2_000,
    sendAck: "committed",
    outboxMax: 1_000_000,
    dedupeWindowMs: 3_600_000,
    durability: "fsync",
    redisWait: 0,
    rateLimits: true,
    rateSends: 50,
    rateSendsBurst: 200,
    rateRpcs: 100,
    maxConnections: 10,
    pingSeconds: 25,
    drainSeconds: 10,
    processes: 1,
    warmDays: 30,
    archiveInbox: true,
    analystPassword: null,
    analystSeconds: 30,
    logLevel: "info",
    development: true,
  });
});

test("given settings arrive typed", () => {
  const config = readConfig({
    PORT: "0",
    HOST: "[::1]",
    ROLES: "archive, gateway,archive",
    REDIS_URL: "redis://u:p@cache:6380/2",
    ALLOWED_ORIGINS: "https://App.example.com:443/, capacitor://localhost",
    DEDUPE_WINDOW: "15m",
    RATE_LIMITS: "off",
    JWT_SECRET: secret,
  });
  expect(config).toMatchObject({ port: 0, host: "::1", roles: ["gateway", "archive"], redisUrl: "redis://u:p@cache:6380/2" });
  expect(config).toMatchObject({ dedupeWindowMs: 900_000, rateLimits: false, development: false });
  expect(config.allowedOrigins).toEqual(["https://app.example.com", "capacitor://localhost"]);
});

test("a dedupe window without a unit is seconds", () => {
  expect(readConfig({ DEDUPE_WINDOW: "90" }).dedupeWindowMs).toBe(90_000);
});

test("a Redis may be named by the path of its socket", () => {
  expect(readConfig({ REDIS_URL: "/run/redis.sock" })).toMatchObject({ redisUrl: "/run/redis.sock" });
});

test("an empty setting counts as left out, an empty secret is refused", () => {
  expect(readConfig({ PORT: "", REDIS_URL: "" })).toMatchObject({ port: 8080, redisUrl: null });
  expect(refusal({ JWT_SECRET: "" }).setting).toBe("JWT_SECRET");
});

const bad: [name: string, value: string][] = [
  ["PORT", "65536"],
  ["PORT", "80a"],
  ["PORT", "-1"],
  ["PORT", "1e3"],
  ["HOST", "http://0.0.0.0"],
  ["ROLES", "gateway,writer"],
  ["REDIS_URL", "localhost:6379"],
  ["REDIS_URL", "http://localhost"],
  ["REDIS_URL", "redis+cluster://a:1,,b"],
  ["REDIS_URL", "redis+cluster://"],
  ["REDIS_URL", "run/redis.sock"],
  ["REDIS_URL", "/run/redis.sock?db=1"],
  ["REDIS_URL", `/${"d".repeat(103)}`],
  ["CLICKHOUSE_URL", "clickhouse"],
  ["CLICKHOUSE_PORT", "x"],
  ["ALLOWED_ORIGINS", "app.example.com"],
  ["ALLOWED_ORIGINS", "https://a.example/path"],
  ["DEDUPE_WINDOW", "1 week"],
  ["DEDUPE_WINDOW", "0"],
  ["DURABILITY", "none"],
  ["SEND_ACK", "later"],
  ["RATE_LIMITS", "false"],
  ["RATE_SENDS", "0"],
  ["LOG_LEVEL", "loud"],
  ["JWT_SECRET", secret.slice(1)],
  ["JWT_PUBLIC_KEY", "/no/such/file.pem"],
  ["JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nnonsense"],
  ["PROCESSES", "0"],
  ["KAFKA_BROKERS", "localhost"],
  ["KAFKA_BROKERS", "kafka://localhost:9092"],
  ["KAFKA_PARTITIONS", "4"],
  ["OUTBOX_MAX", "0"],
  ["NEO4J_URL", "http://localhost:7474"],
];
test.each(bad)("%s=%j stops the start with one line that names it", (name, value) => {
  const error = refusal({ [name]: value });
  expect(error.setting).toBe(name);
  expect(error.message).toMatch(new RegExp(`^${name} [^\\n]+: [^\\n]+$`));
});

test("brokers of a Kafka are a list of servers", () => {
  const kafka = { KAFKA_BROKERS: "k1:9092, k2:9093,k1:9092", KAFKA_PARTITIONS: "16" };
  expect(readConfig(kafka).kafka).toEqual({ brokers: ["k1:9092", "k2:9093"], partitions: 16 });
  expect(readConfig({ SEND_ACK: "accepted" }).sendAck).toBe("accepted");
});

test("how tables lie is asked of a ClickHouse of one's own", () => {
  const tables = { CLICKHOUSE_REPLICATED: "on", CLICKHOUSE_STORAGE_POLICY: "tiered" };
  const { clickhouseTables } = readConfig({ CLICKHOUSE_URL: "http://ch:8123", ...tables });
  expect(clickhouseTables).toEqual({ replicated: true, storagePolicy: "tiered" });
  expect(refusal(tables).message).toMatch(/^CLICKHOUSE_REPLICATED is about servers of your own: .*CLICKHOUSE_URL/);
  expect(refusal({ CLICKHOUSE_STORAGE_POLICY: "tiered" }).message).toMatch(/^CLICKHOUSE_STORAGE_POLICY is about servers of your own: /);
});

test("a Neo4j needs a password, and has the user neo4j where none is named", () => {
  const url = "neo4j+s://graph.example.com:7687";
  expect(refusal({ NEO4J_URL: url }).message).toMatch(/^NEO4J_PASSWORD is needed with NEO4J_URL: /);
  expect(readConfig({ NEO4J_URL: url, NEO4J_PASSWORD: "open sesame" }).neo4j).toEqual({ url, user: "neo4j", password: "open sesame" });
  expect(readConfig({ NEO4J_URL: url, NEO4J_USER: "tributary", NEO4J_PASSWORD: "x" }).neo4j).toMatchObject({ user: "tributary" });
});

test("without a JWT key only loopback is served", () => {
  expect(refusal({ HOST: "0.0.0.0" }).message).toMatch(/^JWT_SECRET or JWT_PUBLIC_KEY .*HOST/);
  expect(readConfig({ HOST: "0.0.0.0", JWT_SECRET: secret }).development).toBe(false);
  expect(readConfig({ HOST: "0.0.0.0", JWT_PUBLIC_KEY: pem }).development).toBe(false);
});

test("a secret is never repeated in the refusal", () => {
  expect(refusal({ JWT_SECRET: "hunter2" }).message).not.toContain("hunter2");
});

describe("JWT_PUBLIC_KEY", () => {
  test("may be PEM text, with its line ends written out or not, or a path", () => {
    const path = join(mkdtempSync(join(tmpdir(), "tributary-config-")), "key.pem");
    writeFileSync(path, pem);
    for (const given of [pem, pem.replaceAll("\n", "\\n"), path])
      expect(readConfig({ JWT_PUBLIC_KEY: given }).jwt.publicKey).toBe(readFileSync(path, "utf8"));
  });

  test("a private key, a weak one and a curve without an algorithm are refused", () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey.export({ type: "spki", format: "pem" }).toString();
    const other = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ type: "spki", format: "pem" }).toString();
    const whole = ec.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(refusal({ JWT_PUBLIC_KEY: whole }).message).toContain("private");
    for (const given of [weak, other]) expect(refusal({ JWT_PUBLIC_KEY: given }).setting).toBe("JWT_PUBLIC_KEY");
  });
});

test("loopback is what only this machine can reach", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) expect(isLoopback(address)).toBe(true);
  for (const address of ["0.0.0.0", "::", "127.evil.example", "10.0.0.1"]) expect(isLoopback(address)).toBe(false);
});

test("every setting says what it is, and its default is one it would take", () => {
  for (const setting of Object.values(settings)) {
    expect(setting.description).not.toBe("");
    expect(setting.range).not.toBe("");
    if (setting.default !== null) expect(() => setting.read(setting.default ?? undefined)).not.toThrow();
  }
});
