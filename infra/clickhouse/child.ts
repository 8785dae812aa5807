import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ServerStatus } from "./http.ts";

/** The part of pino's logger that is needed here. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ClickHouseOptions {
  dir: string;
  /** 0 lets the system choose; it stays the same over restarts. */
  port: number;
  host?: string;
  tributaryPassword: string;
  /** Empty: analysts need none. */
  analystPassword: string;
  analystSeconds: number;
  logger: Logger;
  /** Further environment of the child, as the places of `settings.ts`. */
  env?: Record<string, string>;
}

/** The embedded ClickHouse as a child process, restarted when it dies. */
export interface ClickHouseChild extends AsyncDisposable {
  url: string;
  port: number;
  pid(): number;
  status(): Promise<ServerStatus>;
}

const SERVER = fileURLToPath(new URL("./server.ts", import.meta.url));
const START_MS = 60_000;
const STOP_MS = 5_000;
const THREADS = "32";

const launch = (options: ClickHouseOptions, port: number): ChildProcess =>
  spawn(process.execPath, [SERVER], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: THREADS,
      ...options.env,
      CLICKHOUSE_DIR: options.dir,
      CLICKHOUSE_HOST: options.host ?? "127.0.0.1",
      CLICKHOUSE_PORT: String(port),
      CLICKHOUSE_TRIBUTARY_PASSWORD: options.tributaryPassword,
      ANALYST_PASSWORD: options.analystPassword,
      ANALYST_SECONDS: String(options.analystSeconds),
    },
  });

const gone = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Waits until the child listens and answers `/ping`; rejects with its last words when it dies first. */
const ready = async (child: ChildProcess, host: string): Promise<number> => {
  let words = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-4_000)));
  const limit = AbortSignal.timeout(START_MS);
  const died = once(child, "exit", { signal: limit }).then(([code, signal]) => {
    if (words.includes("EADDRINUSE"))
      throw new Error("another program listens on CLICKHOUSE_PORT: end it, or set another (0 chooses a free one)");
    throw new Error(`the embedded ClickHouse ended with ${String(code ?? signal)}: ${words.trim()}`);
  });
  died.catch(() => undefined);
  const [message] = (await Promise.race([once(child, "message", { signal: limit }), died])) as [{ port: number }];
  const answer = await Promise.race([fetch(`http://${host}:${message.port}/ping`, { signal: limit }), died]);
  if (!answer.ok) throw new Error(`the embedded ClickHouse answers ${answer.status} to /ping`);
  return message.port;
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (gone(child)) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exit;
  clearTimeout(timer);
};

/**
 * Starts the embedded ClickHouse and waits until it answers. When it dies it is started again on the same port, at once and then
 * with pauses from 0.2 to 10 s. Disposing ends it: SIGTERM, and SIGKILL after 5 s. It ends by itself when this process dies.
 * @throws Error with the child's last words when the first start fails
 */
export const startClickHouse = async (options: ClickHouseOptions): Promise<ClickHouseChild> => {
  const host = options.host ?? "127.0.0.1";
  const ending = new AbortController();
  let child = launch(options, options.port);
  const port = await ready(child, host).catch(async (error: unknown) => {
    await stop(child);
    throw error;
  });

  const startAgain = async () => {
    for (let pause = 200; !ending.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
      try {
        child = launch(options, port);
        await ready(child, host);
        return options.logger.info({ pid: child.pid, port }, "the embedded ClickHouse is back");
      } catch (error) {
        await stop(child);
        options.logger.error({ err: error, pause }, "the embedded ClickHouse did not start");
        await delay(pause, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
  };
  const watch = async () => {
    while (!ending.signal.aborted) {
      if (!gone(child)) await once(child, "exit");
      if (ending.signal.aborted) return;
      options.logger.warn({ code: child.exitCode, signal: child.signalCode }, "the embedded ClickHouse ended; starting it again");
      await startAgain();
    }
  };
  const watching = watch();
  const url = `http://${host}:${port}`;
  return {
    url,
    port,
    pid: () => child.pid!,
    status: async () => (await (await fetch(`${url}/internal/status`)).json()) as ServerStatus,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await stop(child);
      await watching;
      await stop(child);
    },
  };
};
