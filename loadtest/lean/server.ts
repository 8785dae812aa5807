import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer, type Server } from "#test/support/world.ts";
import type { Target } from "./socket.ts";
import { LOAD_SECRET, tokenOf } from "./token.ts";

/** A server under load: a process with every role, in a directory of its own, or one that runs elsewhere. */
export interface LoadServer extends AsyncDisposable {
  target: Target;
  http: string;
  clickhouseUrl: string | null;
  redisUrl: string | null;
  process: Server | null;
  token(user: string): string | Promise<string>;
  /** An RPC over HTTP: its result, or throws. */
  call<T>(user: string, method: string, params: object): Promise<T>;
  /** Resolves when inboxes hold all that was committed before. */
  caughtUp(): Promise<void>;
}

/** Starts a server for a load test; `env` adds settings. */
export async function startLoadServer(env: Record<string, string> = {}): Promise<LoadServer> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-load-"));
  const settings = {
    PORT: "0",
    CLICKHOUSE_PORT: "0",
    LOG_LEVEL: "warn",
    RATE_LIMITS: "off",
    JWT_SECRET: LOAD_SECRET,
    ANALYST_PASSWORD: "analyst",
  };
  const server = await startServer(dir, { ...settings, ...env });
  const { http, clickhouseUrl, redisUrl } = server.endpoints;
  if (http === null) throw new Error("the server has no gateway");
  return {
    ...reach(http, (user) => tokenOf(user)),
    clickhouseUrl,
    redisUrl,
    process: server,
    async [Symbol.asyncDispose]() {
      await server.stop();
      const words = server.log().trim();
      if (words.includes('"level":5') || words.includes('"level":"error"')) process.stderr.write(`${words}\n`);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A server in development that runs elsewhere: it gives the tokens. */
export function reachDevelopment(http: string): LoadServer {
  const tokens = new Map<string, Promise<string>>();
  const fresh = async (user: string): Promise<string> => {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${http}/v1/dev/token`, { method: "POST", headers, body: JSON.stringify({ user }) });
    return ((await response.json()) as { token: string }).token;
  };
  return {
    ...reach(http.replace(/\/$/, ""), (user) => tokens.getOrInsertComputed(user, () => fresh(user))),
    clickhouseUrl: null,
    redisUrl: null,
    process: null,
    async [Symbol.asyncDispose]() {},
  };
}

/** How to reach a server at an HTTP address. */
function reach(
  http: string,
  token: LoadServer["token"],
): Omit<LoadServer, "clickhouseUrl" | "redisUrl" | "process" | typeof Symbol.asyncDispose> {
  const { hostname, port } = new URL(http);
  return {
    target: { host: hostname, port: Number(port === "" ? 80 : port), path: "/connection/websocket" },
    http,
    token,
    async caughtUp() {
      for (;;) {
        const { fanout } = readyOf(await (await fetch(`${http}/ready`)).json());
        if (fanout) return;
      }
    },
    async call<T>(user: string, method: string, params: object): Promise<T> {
      const response = await fetch(`${http}/v1/rpc/${method}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${await token(user)}` },
        body: JSON.stringify(params),
      });
      const answer = (await response.json()) as { result?: T; error?: { code: number; message: string } };
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.code} ${answer.error.message}`);
      return answer.result as T;
    },
  };
}

/** `/ready` itself waits for a while before it says that fan-out is behind. */
function readyOf(answer: unknown): { fanout: boolean } {
  return { fanout: JSON.stringify(answer).includes('"fanout":{"ok":true') };
}
