import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import type { Transform, Writable } from "node:stream";
import type { Engine, RunResult } from "./engine.ts";
import { chooseEncoding, encoderFor } from "./encoding.ts";
import { type ClickHouseError, errorBody } from "./errors.ts";
import { contentType } from "./formats.ts";
import type { HttpQuery } from "./request.ts";

/** Where an answer's bytes go: held back at first, so that an early error gets its own status, then streamed. */
export interface Answer {
  /** Takes a part of the result; resolves when the client can take more. */
  write(chunk: Buffer): Promise<void>;
  /** Sends what is held and ends the answer. */
  end(result: RunResult): Promise<void>;
  /** An error: a whole answer if nothing was sent, else the exception's block and a cut connection, as ClickHouse does. */
  fail(error: ClickHouseError): Promise<void>;
}

const summaryOf = (result: RunResult | null, insert: boolean, sentBytes: number): string =>
  JSON.stringify({
    read_rows: String(result?.rowsRead ?? 0),
    read_bytes: String(result?.bytesRead ?? 0),
    written_rows: String(insert ? (result?.rowsRead ?? 0) : 0),
    written_bytes: String(insert ? (result?.bytesRead ?? 0) : 0),
    total_rows_to_read: "0",
    result_rows: String(insert ? (result?.rowsRead ?? 0) : 0),
    result_bytes: String(sentBytes),
    elapsed_ns: String(Math.round((result?.elapsed ?? 0) * 1e9)),
  });

/** Headers that every answer to a query carries. */
export const commonHeaders = (engine: Engine, queryId: string): Record<string, string> => ({
  "X-ClickHouse-Query-Id": queryId,
  "X-ClickHouse-Timezone": engine.timezone,
  "X-ClickHouse-Server-Display-Name": engine.hostName,
});

/** Sends an error as a whole answer. */
export const sendError = (response: ServerResponse, error: ClickHouseError, engine: Engine, queryId: string): void => {
  const body = errorBody(error, engine.version);
  response.writeHead(error.status, {
    ...commonHeaders(engine, queryId),
    "Content-Type": "text/plain; charset=UTF-8",
    "X-ClickHouse-Exception-Code": String(error.code),
    "X-ClickHouse-Summary": summaryOf(null, false, 0),
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
};

const exceptionBlock = (message: string, tag: string): Buffer => {
  const text = `${message.trimEnd()}\n`;
  return Buffer.from(`\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`);
};

/** Resolves when a sink takes bytes again or the client has gone. */
const drained = (sink: Writable, response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      sink.off("drain", done);
      response.off("close", done);
      resolve();
    };
    sink.on("drain", done);
    response.on("close", done);
  });

const gone = () => new Error("the client went away");

/** Ends the compressed stream, if any, and writes one last part; resolves when the system has taken all of it. */
const writeLast = async (encoder: Transform | null, response: ServerResponse, part: Buffer): Promise<void> => {
  if (encoder !== null) {
    encoder.end(part);
    await finished(encoder);
  }
  await new Promise<void>((resolve) => response.write(encoder === null ? part : Buffer.alloc(0), () => resolve()));
};

/** Prepares the answer to one query. `insert` counts rows as written. */
export const createAnswer = (response: ServerResponse, query: HttpQuery, format: string, insert: boolean, engine: Engine): Answer => {
  const encoding = chooseEncoding(query.acceptEncoding, query.httpCompression);
  const encoder = encoding === null ? null : encoderFor(encoding);
  const tag = randomBytes(12).toString("hex").slice(0, 16);
  let held: Buffer[] = [];
  let heldBytes = 0;
  let started = false;

  const start = (result: RunResult | null, length: number | null) => {
    started = true;
    response.writeHead(200, {
      ...commonHeaders(engine, query.queryId),
      "Content-Type": contentType(format),
      "X-ClickHouse-Format": format,
      "X-ClickHouse-Exception-Tag": tag,
      "X-ClickHouse-Summary": summaryOf(result, insert, heldBytes),
      ...(encoding === null ? {} : { "Content-Encoding": encoding }),
      ...(length === null || encoding !== null ? {} : { "Content-Length": length }),
    });
    encoder?.pipe(response, { end: false });
    response.once("close", () => encoder?.destroy());
  };
  const put = async (chunk: Buffer) => {
    const sink = encoder ?? response;
    if (response.destroyed) throw gone();
    if (!sink.write(chunk)) await drained(sink, response);
  };
  const putHeld = async () => {
    const parts = held;
    held = [];
    for (const part of parts) await put(part);
  };

  return {
    write: async (chunk) => {
      if (started) return put(chunk);
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes <= query.bufferBytes) return;
      start(null, null);
      await putHeld();
    },
    end: async (result) => {
      if (!started) start(result, heldBytes);
      await putHeld();
      if (encoder !== null) {
        encoder.end();
        await finished(encoder);
      }
      response.end();
      await finished(response);
    },
    fail: async (error) => {
      if (!started) return sendError(response, error, engine, query.queryId);
      await writeLast(encoder, response, exceptionBlock(errorBody(error, engine.version), tag));
      response.socket?.destroySoon();
    },
  };
};
