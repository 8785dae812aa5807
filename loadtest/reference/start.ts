import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startOwnRedis } from "../lean/redis.ts";

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
  const redis = durability === null ? null : stack.use(await startOwnRedis(durability, "reference"));
  const redisUrl = redis?.url ?? "";
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
  const { pid = 0 } = child;
  return { port, log: () => words.join(""), pid, redisUrl, redisPid: redis?.pid ?? 0, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
