import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "#shared/run/logger.ts";
import { type RedisChild, type RedisOptions, startRedis } from "./child.ts";
import { identify } from "./processes.ts";

const logger = createLogger("silent", { role: "test" });

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "tributary-redis-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function start(options: Partial<RedisOptions> & { dir: string }): Promise<RedisChild> {
  const child = await startRedis({ durability: "fsync", logger, ...options });
  onTestFinished(async () => await child.stop());
  return child;
}

function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

test.each([{ unixSocket: false }, { unixSocket: true }])("answers at its url and keeps its data over a stop (%j)", async (where) => {
  const dir = newDir();
  const first = await start({ dir, ...where });
  expect(await connect(first.url).set("key", "value")).toBe("OK");
  await first.stop();
  expect(await identify(first.pid())).toBeNull();
  const second = await start({ dir, ...where });
  expect(await connect(second.url).get("key")).toBe("value");
});

test.each([
  { why: "the path is too long for a socket", name: "d".repeat(100) },
  { why: "the client would read the path as another one", name: "d?d" },
  { why: "no socket can be made", name: "d" },
])("where $why, a Redis listens on a port", async ({ name }) => {
  const dir = join(newDir(), name);
  if (name === "d") mkdirSync(join(dir, "redis.sock", "in the way"), { recursive: true });
  const child = await start({ dir, unixSocket: true });
  expect(child.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
  expect(await connect(child.url).ping()).toBe("PONG");
});

test("a Redis killed with -9 comes back at the same url with every answered write", async () => {
  let restarts = 0;
  const child = await start({ dir: newDir(), onRestart: () => (restarts += 1) });
  const redis = connect(child.url);
  const before = child.pid();
  await redis.rpush("list", ...Array.from({ length: 500 }, String));
  process.kill(before, "SIGKILL");
  expect(await redis.llen("list")).toBe(500);
  expect(child.pid()).not.toBe(before);
  expect(restarts).toBe(1);
});

test("a tail cut off by a crash does not stop the load", async () => {
  const dir = newDir();
  const first = await start({ dir });
  await connect(first.url).set("key", "value");
  await first.stop();
  const [aof = ""] = globSync(join(dir, "appendonlydir/*.incr.aof"));
  appendFileSync(aof, "*3\r\n$3\r\nSET\r\n$3\r\nke");
  const second = await start({ dir });
  expect(await connect(second.url).get("key")).toBe("value");
});

/** A process that starts a Redis in `dir`, and tells its pid and url. */
async function ownerOf(dir: string) {
  const source = `
    import { startRedis } from ${JSON.stringify(new URL("./child.ts", import.meta.url).href)};
    const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
    const child = await startRedis({ dir: ${JSON.stringify(dir)}, durability: "fsync", logger });
    process.stdout.write(JSON.stringify({ pid: child.pid(), url: child.url }) + "\\n");`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void owner.kill("SIGKILL"));
  const { value } = (await createInterface({ input: owner.stdout })[Symbol.asyncIterator]().next()) as { value: string };
  return { owner, ...(JSON.parse(value) as { pid: number; url: string }) };
}

test("the next start takes over from an owner killed with -9, and its Redis is gone", async () => {
  const dir = newDir();
  const { owner, pid, url } = await ownerOf(dir);
  await connect(url).set("key", "value");
  // A stopped Redis can't follow its owner by itself: only the pid in the directory leads to it.
  process.kill(pid, "SIGSTOP");
  owner.kill("SIGKILL");
  await once(owner, "exit");
  const next = await start({ dir });
  expect(await identify(pid)).toBeNull();
  expect(await connect(next.url).get("key")).toBe("value");
});

test("a directory that a live process uses is refused", async () => {
  const dir = newDir();
  const { owner } = await ownerOf(dir);
  await expect(start({ dir })).rejects.toThrow(`in use by process ${owner.pid}`);
});

test("another Redis at the port is not taken for the own one", async () => {
  const other = await start({ dir: newDir() });
  await expect(start({ dir: newDir(), port: Number(new URL(other.url).port) })).rejects.toThrow(/ended before it answered.*in use/);
});

test("past its memory limit Redis refuses writes and evicts nothing", async () => {
  const child = await start({ dir: newDir(), maxMemory: 3_000_000 });
  const redis = connect(child.url);
  await redis.set("first", "x");
  const fill = async () => {
    for (let n = 0; n < 100; n += 1) await redis.set(`big:${n}`, "x".repeat(100_000));
  };
  await expect(fill()).rejects.toThrow("OOM");
  expect(await redis.get("first")).toBe("x");
});

test("without redis-server the start says what to install", async () => {
  const path = process.env["PATH"];
  onTestFinished(() => void (process.env["PATH"] = path));
  process.env["PATH"] = newDir();
  await expect(start({ dir: newDir() })).rejects.toThrow(/redis-server is not installed: .*apt-get install redis-server/);
});
