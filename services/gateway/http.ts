import type { Socket } from "node:net";
import { fastifySwagger } from "@fastify/swagger";
import { fastifySwaggerUi } from "@fastify/swagger-ui";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import { addOperations, type Operations } from "#shared/run/operations.ts";
import { errorTable, Refusal } from "#shared/wire/errors.ts";
import type { Calls } from "./calls.ts";
import type { JsonBody } from "./json-body.ts";
import { addDevelopmentToken } from "./development.ts";
import { openApiDocument } from "./openapi.ts";
import { isOriginAllowed } from "./origins.ts";
import { frontPage } from "./page.ts";
import { MAX_CONNECT_BYTES } from "./protocol.ts";
import type { TokenResult } from "./token.ts";

interface Parts extends Operations {
  config: Pick<Config, "allowedOrigins" | "development" | "host">;
  calls: Calls;
  verify: (token: string) => TokenResult;
  /** Signs development tokens; null outside development. */
  secret: string | null;
  logger: Logger;
  version: string;
}

const jsonType = "application/json; charset=utf-8";

/** The HTTP side as an app that does not listen yet. Every error has the shape `{ error: { code, message, temporary } }`. */
export async function createHttp(parts: Parts): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_CONNECT_BYTES,
    forceCloseConnections: "idle",
    clientErrorHandler: hangUp,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      void answerError(error, reply, parts.logger);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body: Buffer, done) => done(null, body));
  app.addHook("preValidation", async (request) => readJson(request));
  app.addHook("onRequest", async (request, reply) => allowOrigin(request, reply, parts.config));
  app.setErrorHandler((error, _request, reply) => answerError(error, reply, parts.logger));
  app.setNotFoundHandler((request, reply) => notFound(request, reply));
  await addDocs(app, parts.version);
  addFrontPage(app);
  addOperations(app, parts);
  app.post("/v1/rpc/:method", (request, reply) => rpc(request, reply, parts));
  addDevelopmentToken(app, parts.config, parts.secret);
  return app;
}

/** What is not even HTTP gets an answer of the usual shape, and is cut off. */
function hangUp(_error: Error, wire: Socket): void {
  const body = JSON.stringify({ error: new Refusal(107, "not HTTP").toWire() });
  const head = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: ${jsonType}\r\nContent-Length: ${body.length}`;
  if (wire.writable) wire.end(`${head}\r\n\r\n${body}`);
  wire.destroySoon();
}

/** Every POST route takes JSON and nothing else. */
async function readJson(request: FastifyRequest): Promise<void> {
  if (request.method !== "POST" || request.is404) return;
  if (!(request.body instanceof Buffer)) throw new Refusal(107, "Content-Type must be application/json");
  const text = request.body.toString("utf8");
  try {
    request.body = { value: text === "" ? {} : JSON.parse(text), bytes: request.body.length } satisfies JsonBody;
  } catch {
    throw new Refusal(107, "the body is not JSON");
  }
}

async function rpc(request: FastifyRequest, reply: FastifyReply, { calls, verify }: Parts): Promise<FastifyReply> {
  const user = authenticated(request.headers.authorization, verify);
  const { method } = request.params as { method: string };
  const { value, bytes } = request.body as JsonBody;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  calls.run(method, value, bytes, { user, session: null }, (refusal, resultJson) =>
    refusal === undefined ? resolve(resultJson) : reject(refusal),
  );
  return reply.type(jsonType).send(`{"result":${await promise}}`);
}

function authenticated(authorization: string | undefined, verify: Parts["verify"]): string {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) throw new Refusal(101, "Authorization must be Bearer and a token");
  const result = verify(token);
  if (result.outcome === "expired") throw new Refusal(109);
  if (result.outcome === "invalid") throw new Refusal(101, "invalid token");
  return result.user;
}

function addFrontPage(app: FastifyInstance): void {
  app.get("/", (_request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
      .send(frontPage),
  );
}

async function addDocs(app: FastifyInstance, version: string): Promise<void> {
  await app.register(fastifySwagger, { mode: "static", specification: { document: openApiDocument(version) as never } });
  await app.register(fastifySwaggerUi, { routePrefix: "/docs", uiConfig: { docExpansion: "list" }, staticCSP: true });
}

/** CORS. Any origin (`*`) is no reason to give development tokens to any page. */
async function allowOrigin(request: FastifyRequest, reply: FastifyReply, { allowedOrigins }: Parts["config"]): Promise<unknown> {
  reply.header("x-content-type-options", "nosniff");
  const { origin, host } = request.headers;
  if (origin === undefined) return undefined;
  reply.header("vary", "Origin");
  const named = request.url.startsWith("/v1/dev/") ? (allowedOrigins?.filter((each) => each !== "*") ?? null) : allowedOrigins;
  if (!isOriginAllowed(origin, host, named)) return undefined;
  reply.header("access-control-allow-origin", origin);
  if (request.method !== "OPTIONS") return undefined;
  reply.header("access-control-allow-methods", "GET, POST").header("access-control-allow-headers", "authorization, content-type");
  return reply.header("access-control-max-age", "600").code(204).send();
}

function notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answerRefusal(new Refusal(104, `there is no ${request.method} ${request.url.slice(0, 200)}`), reply);
}

function answerError(thrown: unknown, reply: FastifyReply, logger: Logger): FastifyReply {
  if (thrown instanceof Refusal) return answerRefusal(thrown, reply);
  const { code, statusCode } = thrown as { code?: string; statusCode?: number };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return answerRefusal(new Refusal(106, "the body is too large"), reply);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return answerRefusal(new Refusal(107, "Content-Type must be application/json"), reply);
  if (statusCode !== undefined && statusCode < 500) return answerRefusal(new Refusal(107), reply);
  logger.error({ err: thrown }, "an HTTP request failed unexpectedly");
  return answerRefusal(new Refusal(100), reply);
}

function answerRefusal(refusal: Refusal, reply: FastifyReply): FastifyReply {
  return reply
    .code(errorTable[refusal.code].status)
    .type(jsonType)
    .send(JSON.stringify({ error: refusal.toWire() }));
}
