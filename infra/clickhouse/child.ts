import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Logger, supervise } from "../supervised.ts";
import type { ServerStatus } from "./http.ts";

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
const THREADS = "32";

const launch = (options: ClickHouseOptions, port: number) =>
  spawn(process.execPath, [SERVER], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // What a terminal tells all processes of its group does not reach it: its parent ends it when it is no longer needed.
    detached: true,
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

const PORT_TAKEN = "another program listens on CLICKHOUSE_PORT: end it, or set another (0 chooses a free one)";

/**
 * Starts the embedded ClickHouse and waits until it answers. When it dies it is started again on the same port, at once and then
 * with pauses from 0.2 to 10 s. Disposing ends it: SIGTERM, and SIGKILL after 5 s. It ends by itself when this process dies.
 * @throws Error with the child's last words when the first start fails
 */
export const startClickHouse = async (options: ClickHouseOptions): Promise<ClickHouseChild> => {
  const host = options.host ?? "127.0.0.1";
  const child = await supervise({
    name: "the embedded ClickHouse",
    port: options.port,
    launch: (port) => launch(options, port),
    answers: async (port, signal) => {
      const answer = await fetch(`http://${host}:${port}/ping`, { signal });
      if (!answer.ok) throw new Error(`the embedded ClickHouse answers ${answer.status} to /ping`);
    },
    advice: (words) => (words.includes("EADDRINUSE") ? PORT_TAKEN : null),
    logger: options.logger,
  });
  const url = `http://${host}:${child.port}`;
  return {
    url,
    port: child.port,
    pid: () => child.pid(),
    status: async () => (await (await fetch(`${url}/internal/status`)).json()) as ServerStatus,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
};
