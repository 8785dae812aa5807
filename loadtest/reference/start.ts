import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "#infra/redis/child.ts";
import { createLogger } from "#shared/run/logger.ts";

export interface Reference extends AsyncDisposable {
  port: number;
  /** What it wrote to stderr. */
  log(): string;
  /** Of the server. */
  pid: number;
  redisUrl: string;
  /** Of its Redis; 0 without one. */
  redisPid: number;
}

/** Starts the bare server; with a durability, on a Redis of its own. */
export async function startReference(durability: "fsync" | "everysec" | null, execArgv: string[] = []): Promise<Reference> {
  await using stack = new AsyncDisposableStack();
  let redisUrl = "";
  let redisPid = 0;
  if (durability !== null) {
    const dir = await mkdtemp(join(tmpdir(), "reference-"));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const redis = stack.use(await startRedis({ dir, durability, logger: createLogger("silent", { role: "reference" }) }));
    redisUrl = redis.url;
    redisPid = redis.pid();
  }
  const child = fork(join(import.meta.dirname, "server.ts"), [redisUrl], { execArgv, silent: true });
  const words: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => words.push(text));
  stack.defer(async () => {
    const exit = once(child, "exit");
    if (child.connected) child.disconnect();
    await exit;
  });
  const [port] = (await once(child, "message")) as [number];
  const owned = stack.move();
  return { port, log: () => words.join(""), pid: child.pid ?? 0, redisUrl, redisPid, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
