import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Config } from "#shared/run/config.ts";
import { isOriginAllowed } from "./origins.ts";

const CONNECTION_PATH = "/connection/websocket";

interface Refused {
  status: number;
  message: string;
}

/** Parsing costs as much as a whole small command, so the usual URL is not parsed. */
const pathOf = (url: string): string | undefined => (url === CONNECTION_PATH ? url : URL.parse(url, "http://server")?.pathname);

/** Why an upgrade request is not served, or undefined. */
export function whyNotUpgrade(request: IncomingMessage, config: Pick<Config, "allowedOrigins">, draining: boolean): Refused | undefined {
  if (pathOf(request.url ?? "/") !== CONNECTION_PATH) return { status: 404, message: `the WebSocket is at ${CONNECTION_PATH}` };
  if (draining) return { status: 503, message: "the server is stopping" };
  const { origin, host } = request.headers;
  if (origin !== undefined && !isOriginAllowed(origin, host, config.allowedOrigins))
    return { status: 403, message: "this origin is not in ALLOWED_ORIGINS" };
  return undefined;
}

/** The subprotocols by which a client asks for an encoding, the preferred one first. */
export const subprotocols = { protobuf: "centrifuge-protobuf", json: "centrifuge-json" } as const;

/** The encoding that a request is for: chosen by the subprotocol that was agreed on, or in the query. */
export function encodingAsked(request: IncomingMessage, agreed: string): keyof typeof subprotocols {
  if (agreed === subprotocols.protobuf) return "protobuf";
  // The usual URL has no query: it is not worth parsing again.
  const query = request.url?.includes("?") === true ? URL.parse(request.url, "http://server")?.searchParams : undefined;
  return query?.get("cf_protocol") === "protobuf" || query?.get("format") === "protobuf" ? "protobuf" : "json";
}

/** Answers an upgrade request with an error, and hangs up. */
export function refuseUpgrade(wire: Duplex, { status, message }: Refused): void {
  wire.on("error", () => wire.destroy());
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}`;
  const body = `${message}\n`;
  wire.end(
    `${head}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  wire.once("finish", () => wire.destroy());
}
