import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

/** What may be called, by name: each takes its arguments in their order and gives what JSON can hold. */
export type Calls = Record<string, (...given: never[]) => Promise<unknown>>;

const JSON_TYPE = "application/json";

function answer(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "Content-Type": JSON_TYPE, "Content-Length": bytes.length }).end(bytes);
}

/**
 * The HTTP side of the embedded graph: `GET /ping`, and `POST /<call>` with the call's arguments as a JSON array, which answers `{ result }`, or status
 * 500 and `{ error }` with the database's words. Needs `Authorization: Bearer <secret>`. Not yet listening.
 */
export function createHttp(calls: Calls, secret: string): Server {
  const wanted = Buffer.from(`Bearer ${secret}`);
  const allowed = ({ headers: { authorization = "" } }: IncomingMessage) => {
    const given = Buffer.from(authorization);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = request.url?.slice(1) ?? "";
    if (request.method === "GET" && name === "ping") return answer(response, 200, {});
    if (!allowed(request)) return answer(response, 401, { error: "the secret of the embedded graph is needed" });
    const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
    if (call === undefined || request.method !== "POST") return answer(response, 404, { error: `there is no call ${name}` });
    const given = JSON.parse(await text(request)) as never[];
    answer(response, 200, { result: (await call(...given)) ?? null });
  }
  return createServer({ keepAliveTimeout: 60_000, requestTimeout: 0, noDelay: true }, (request, response) => {
    serve(request, response).catch((error: unknown) =>
      answer(response, 500, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
