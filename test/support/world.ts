import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { createLogger } from "#shared/run/logger.ts";
import { createHttpCalls, type HttpCalls } from "./http-calls.ts";
import { allEnded } from "./processes.ts";
import { onCluster, startTestRedis, type TestRedis } from "./redis.ts";
import { onStack, startStack } from "./stack.ts";

/** One server process of a world. */
export interface Server {
  pid: number;
  /** Ends it as an operator would; resolves when it is gone. */
  stop(): Promise<void>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** What it wrote to stdout and stderr. */
  log(): string;
}

/** What a running server says of itself in its data directory. */
export interface Endpoints {
  redisUrl: string;
  clickhouseUrl: string;
  /** Of the embedded graph. */
  graphUrl: string | null;
  http: string | null;
  pid: number;
}

/** A whole Tributary on loopback, in a directory of its own, at ports that the system chooses. */
export interface World extends AsyncDisposable, HttpCalls {
  readonly dir: string;
  /** http://127.0.0.1:port of the (last started) gateway. */
  http(): string;
  /** ws://…/connection/websocket of the same. */
  socket(): string;
  endpoints(): Endpoints;
  /** Starts the server again on the same data and the same HTTP port, after `server().kill()` or `.stop()`. */
  restart(): Promise<void>;
  server(): Server;
  /** The Redis Cluster it works with; null where it has a Redis child of its own. */
  readonly cluster: TestRedis | null;
}

const main = join(import.meta.dirname, "../../services/main.ts");

/** Starts one server process; resolves when it answers `/health`, or, without a gateway role, when it has written its endpoints. */
export async function startServer(dir: string, env: Record<string, string>): Promise<Server & { endpoints: Endpoints }> {
  const child = spawn(process.execPath, ["--max-semi-space-size=32", main], {
    env: { ...process.env, ...env, DATA_DIR: dir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  const log = () => chunks.join("");
  const exit = once(child, "exit");
  const endpoints = await startedEndpoints(dir, child, log);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exit;
    for (const [line] of log().matchAll(/^.*something is open.*$/gm)) process.stdout.write(`${line}\n`);
  };
  return { pid: child.pid ?? 0, endpoints, log, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

async function startedEndpoints(dir: string, child: ChildProcess, log: () => string): Promise<Endpoints> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${log()}`);
    const text = await readFile(join(dir, "endpoints.json"), "utf8").catch(() => "");
    if (text !== "") {
      const endpoints = JSON.parse(text) as Endpoints;
      if (endpoints.pid === child.pid) return endpoints;
    }
    await after(20);
  }
  throw new Error(`the server did not start within a minute:\n${log()}`);
}

/** A Redis that is none of the server's children, in a directory that has nothing to do with the server's. */
async function startOuterRedis(stack: AsyncDisposableStack): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-outer-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  return stack.use(await startTestRedis({ dir, durability: "fsync", logger: createLogger("silent", { role: "test" }) }));
}

/** Starts a world in one process with every role, or in two on the full stack. `env` adds settings. */
export async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const cluster = onCluster && env["REDIS_URL"] === undefined ? await startOuterRedis(stack) : null;
  const settings: Record<string, string> = {
    PORT: "0",
    CLICKHOUSE_PORT: "0",
    LOG_LEVEL: "info",
    RATE_LIMITS: "off",
    ...(cluster === null ? {} : { REDIS_URL: cluster.url }),
    ...(onStack ? { PROCESSES: "2", ...(await startStack(stack)) } : {}),
    ...env,
  };
  let server = await startServer(dir, settings);
  const http = () => server.endpoints.http ?? "";
  settings["PORT"] = new URL(http()).port;
  settings["CLICKHOUSE_PORT"] = new URL(server.endpoints.clickhouseUrl).port;
  const { token, call } = createHttpCalls(http);
  stack.defer(() => server.stop());
  const opened = stack.move();

  return {
    dir,
    http,
    socket: () => `${http().replace(/^http/, "ws")}/connection/websocket`,
    endpoints: () => server.endpoints,
    token,
    call,
    async restart() {
      // The workers of a server that was killed still hold its port until they have noticed.
      if (onStack) await allEnded(dir);
      server = await startServer(dir, settings);
    },
    server: () => server,
    cluster,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
