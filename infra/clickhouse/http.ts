import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { hostAllowed, type Passwords } from "./access.ts";
import { sendError } from "./answer.ts";
import { engineError } from "./errors.ts";
import type { LaneStatus } from "./pool.ts";
import { readQuery } from "./request.ts";
import { type Service, serveQuery } from "./serve.ts";

/** What `GET /internal/status` answers, for the parent and for metrics. */
export interface ServerStatus {
  version: string;
  pid: number;
  /** Resident memory in bytes. */
  rss: number;
  lanes: Record<"write" | "read" | "analyst", LaneStatus>;
}

const statusOf = ({ engine, lanes }: Service): ServerStatus => ({
  version: engine.version,
  pid: process.pid,
  rss: process.memoryUsage.rss(),
  lanes: { write: lanes.write.status(), read: lanes.read.status(), analyst: lanes.analyst.status() },
});

const plain = (response: ServerResponse, status: number, text: string, type = "text/html; charset=UTF-8"): void => {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
};

const OK_PATHS = new Set(["/ping", "/replicas_status"]);

const answerQuery = async (service: Service, passwords: Passwords, request: IncomingMessage, response: ServerResponse, url: URL) => {
  const leaving = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) leaving.abort(new Error("the client went away"));
  });
  try {
    const query = await readQuery(request, url.searchParams, passwords);
    await serveQuery(service, query, response, leaving.signal);
  } catch (error) {
    if (leaving.signal.aborted || response.headersSent) return void response.destroy();
    sendError(response, engineError(error), service.engine, url.searchParams.get("query_id") ?? "");
    request.resume();
  }
};

/** The HTTP server in front of the engine: `/` for queries, `/ping`, `/replicas_status`, `/internal/status`. Not yet listening. */
export const createHttp = (service: Service, host: string, passwords: Passwords): Server => {
  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!hostAllowed(host, request.headers.host)) return plain(response, 403, "This host name is not served here.\n");
    const url = new URL(request.url ?? "/", "http://localhost");
    const reading = request.method === "GET" || request.method === "HEAD";
    if (reading && OK_PATHS.has(url.pathname)) return plain(response, 200, "Ok.\n");
    if (reading && url.pathname === "/internal/status") return plain(response, 200, JSON.stringify(statusOf(service)), "application/json");
    if (url.pathname !== "/" && url.pathname !== "/query") return plain(response, 404, `There is no handle ${url.pathname}\n`);
    if (request.method === "HEAD" || (reading && !url.searchParams.has("query"))) return plain(response, 200, "Ok.\n");
    if (!reading && request.method !== "POST") return plain(response, 405, "Only GET, HEAD and POST are served.\n");
    await answerQuery(service, passwords, request, response, url);
  };
  const server = createServer(
    { maxHeaderSize: 1_100_000, keepAliveTimeout: 30_000, requestTimeout: 0, noDelay: true },
    (request, response) => {
      void route(request, response).catch((error: unknown) => response.destroy(error as Error));
    },
  );
  return server;
};
