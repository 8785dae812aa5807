import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Logger } from "#shared/run/logger.ts";
import type { Endpoint } from "./conf.ts";
import { untilReady } from "./ready.ts";
import type { RedisProgram } from "./server-file.ts";

/** One life of one `redis-server` process. */
export interface RedisProcess {
  pid: number;
  /** Resolves, with the ms it lived, when the process is gone. */
  ended: Promise<number>;
  /** Resolves once it answers; rejects with its last words when it ends before that, or when `giveUp` is aborted. */
  answering(endpoint: Endpoint, giveUp: AbortSignal): Promise<void>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL when it is still there after `graceMs`. Resolves when it is gone. */
  end(graceMs: number): Promise<void>;
}

/** Starts the process; its own log goes to `logger` at level debug. Throws when it can't be started at all. */
export function openRedis(program: RedisProgram, confPath: string, logger: Logger): RedisProcess {
  const since = performance.now();
  // Its own process group: Ctrl-C in the terminal must reach the server only, which then stops its Redis last.
  const child = spawn(program.file, [...program.args, confPath], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  child.once("close", () => resolve(performance.now() - since));
  child.once("error", (err) => logger.error({ err }, "redis-server could not be started"));
  if (child.pid === undefined) throw new Error(`${program.file} could not be started`);
  let words: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    words = [...words.slice(-2), line];
    logger.debug({ line }, "redis-server");
  });
  const { pid } = child;
  return {
    pid,
    ended,
    answering: async (endpoint, giveUp) => await answering(endpoint, pid, giveUp, ended, () => words.join("; ")),
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    end: async (graceMs) => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}

async function answering(endpoint: Endpoint, pid: number, giveUp: AbortSignal, ended: Promise<number>, words: () => string): Promise<void> {
  const over = new AbortController();
  const failed = ended.then(() => {
    throw new Error(`redis-server ended before it answered: ${words()}`);
  });
  try {
    await Promise.race([failed, untilReady(endpoint, pid, AbortSignal.any([giveUp, over.signal]))]);
  } finally {
    over.abort();
    failed.catch(() => {});
  }
}
