import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { isSocketPath } from "#shared/run/redis-url.ts";
import { startOwnRedis } from "../lean/redis.ts";
import type { Target } from "../lean/socket.ts";
import { LOAD_SECRET } from "../lean/token.ts";
import { peerProgram } from "./build.ts";

/** A running chat server on the centrifuge library (main.go); lean/device.ts talks to it as to a Tributary. */
export interface Peer extends AsyncDisposable {
  port: number;
  target: Target;
  /** Of the server. */
  pid: number;
  /** "" without a Redis. */
  redisUrl: string;
  /** Of its Redis; 0 without one. */
  redisPid: number;
  /** Has it collect its garbage and give freed memory back; returns the bytes that its objects and stacks then use. */
  collectGarbage(): Promise<number>;
}

export interface PeerOptions {
  /** Of its own Redis; null: no Redis, history in the server's memory. */
  durability: "everysec" | "fsync" | null;
  /**
   * How long the server gathers what goes to one connection before it writes; none: 0. Tried at 2 cores: 10 is best for many busy pairs (a third more
   * messages than 0), 3 for a busy group of 50; 0 where one answer is timed.
   */
  writeDelayMs?: number;
  /**
   * Settings for many connections that say little: a third less memory each, a third more CPU a message. It is least with a delay, which spares a
   * goroutine each: `{ idle: true, writeDelayMs: 10 }`.
   */
  idle?: boolean;
  /** The library and Go as they come, without what was tuned for the bench. */
  defaults?: boolean;
}

/** Starts the peer, which is built first where its sources have changed. */
export async function startPeer({ durability, writeDelayMs = 0, idle = false, defaults = false }: PeerOptions): Promise<Peer> {
  await using stack = new AsyncDisposableStack();
  const program = await peerProgram();
  const redis = durability === null ? null : stack.use(await startOwnRedis(durability, "peer"));
  const redisUrl = redis?.url ?? "";
  const settings = {
    LOAD_SECRET,
    REDIS_URL: isSocketPath(redisUrl) ? `unix://${redisUrl}` : redisUrl,
    WRITE_DELAY_MS: String(writeDelayMs),
    IDLE: idle ? "1" : "",
    DEFAULTS: defaults ? "1" : "",
  };
  const child = spawn(program, { env: { ...process.env, ...settings }, stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const died = exit.then(([code, signal]) => {
    throw new Error(`the bench's peer ended by itself with ${String(code ?? signal)}`);
  });
  died.catch(() => {});
  stack.defer(async () => {
    child.stdin.end();
    await exit;
  });
  const lines = createInterface({ input: child.stdout });
  const line = async () => Number((await Promise.race([once(lines, "line"), died]))[0]);
  const port = await line();
  const owned = stack.move();
  return {
    port,
    target: { host: "127.0.0.1", port, path: "/connection/websocket" },
    pid: child.pid ?? 0,
    redisUrl,
    redisPid: redis?.pid ?? 0,
    async collectGarbage() {
      const used = line();
      child.stdin.write("collect\n");
      return await used;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
