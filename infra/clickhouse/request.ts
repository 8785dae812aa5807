import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { type Passwords, type User, authenticate } from "./access.ts";
import { decoded } from "./encoding.ts";
import { ClickHouseError } from "./errors.ts";

/** Names in the URL that steer the HTTP interface and are no settings of the engine. */
const INTERFACE = new Set(
  (
    "query database user password quota_key role query_id session_id session_timeout session_check default_format wait_end_of_query " +
    "buffer_size compress decompress client_protocol_version stacktrace close_session"
  ).split(" "),
);

const MULTIPART_LIMIT = 32 * 1024 * 1024;
const DEFAULT_BUFFER = 1024 * 1024;
const LARGEST_BUFFER = 16 * 1024 * 1024;

/** One request of ClickHouse's HTTP interface, decoded once; `text` and `body` together are the statement and its data. */
export interface HttpQuery {
  user: User;
  /** GET and HEAD may only read. */
  modifies: boolean;
  /** The statement's beginning from the URL (with a newline behind it) or "". */
  text: string;
  /** What follows in the body, in the clear. */
  body: Readable;
  settings: [name: string, value: string][];
  parameters: [name: string, value: string][];
  database: string;
  queryId: string;
  sessionId: string | null;
  /** Seconds. */
  sessionTimeout: number;
  format: string;
  /** Bytes of the answer held back so that an error can still have its own status. */
  bufferBytes: number;
  waitForEnd: boolean;
  httpCompression: boolean;
  acceptEncoding: string | undefined;
}

const text = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Reads a whole stream; more than `limit` bytes is an error 229. */
export const collect = async (stream: AsyncIterable<Buffer>, limit: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limit) throw new ClickHouseError(229, "QUERY_IS_TOO_LARGE", `Query is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/** Moves the fields of a multipart form (long parameters of clients come so) to the URL's parameters; external tables are refused. */
const takeForm = async (body: Readable, type: string, params: URLSearchParams): Promise<Readable> => {
  const bytes = await collect(body, MULTIPART_LIMIT);
  const form = await new Response(new Uint8Array(bytes), { headers: { "content-type": type } }).formData();
  for (const [name, value] of form) {
    if (typeof value !== "string")
      throw new ClickHouseError(48, "NOT_IMPLEMENTED", "External tables are not supported by the embedded server");
    params.append(name, value);
  }
  return Readable.from([]);
};

const checkKnown = (params: URLSearchParams): void => {
  if (params.get("decompress") === "1" || params.get("compress") === "1")
    throw new ClickHouseError(
      48,
      "NOT_IMPLEMENTED",
      "compress and decompress are not supported by the embedded server: use enable_http_compression",
    );
  const role = params.get("role");
  if (role !== null) throw new ClickHouseError(512, "SET_NON_GRANTED_ROLE", `Role ${role} should be granted to set as a current`);
};

const bufferOf = (params: URLSearchParams): number => {
  const asked = Number(params.get("buffer_size") ?? DEFAULT_BUFFER);
  return Number.isFinite(asked) && asked >= 0 ? Math.min(Math.max(asked, DEFAULT_BUFFER), LARGEST_BUFFER) : DEFAULT_BUFFER;
};

const entriesOf = (params: URLSearchParams) => {
  const settings: [string, string][] = [];
  const parameters: [string, string][] = [];
  for (const [name, value] of params) {
    if (name.startsWith("param_")) parameters.push([name.slice(6), value]);
    else if (!INTERFACE.has(name)) settings.push([name, value]);
  }
  const strange = [...settings, ...parameters].find(([name]) => !/^[A-Za-z_][A-Za-z0-9_.]{0,127}$/.test(name));
  if (strange !== undefined) throw new ClickHouseError(115, "UNKNOWN_SETTING", `Unknown setting '${strange[0]}'`);
  return { settings, parameters };
};

/** Decodes a request; the statement's text and data are left in `text` and `body`. @throws ClickHouseError */
export const readQuery = async (request: IncomingMessage, params: URLSearchParams, passwords: Passwords): Promise<HttpQuery> => {
  const headers = request.headers;
  const user = authenticate(headers, params, passwords);
  const type = headers["content-type"] ?? "";
  let body = decoded(request, headers["content-encoding"]);
  if (type.startsWith("multipart/form-data")) body = await takeForm(body, type, params);
  checkKnown(params);
  const query = params.getAll("query").join("");
  return {
    user,
    body,
    modifies: request.method === "POST" || request.method === "PUT",
    text: query === "" ? "" : `${query}\n`,
    ...entriesOf(params),
    database: params.get("database") || text(headers["x-clickhouse-database"]) || "",
    queryId: params.get("query_id") || randomUUID(),
    sessionId: params.get("session_id") || null,
    sessionTimeout: Math.min(Number(params.get("session_timeout") ?? 60) || 60, 3600),
    format: params.get("default_format") || text(headers["x-clickhouse-format"]) || "TabSeparated",
    bufferBytes: bufferOf(params),
    waitForEnd: params.get("wait_end_of_query") === "1",
    httpCompression: params.get("enable_http_compression") === "1",
    acceptEncoding: text(headers["accept-encoding"]),
  };
};
