import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Config, isLoopback } from "#shared/run/config.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { UserId } from "#shared/wire/values.ts";
import type { JsonBody } from "./json-body.ts";
import { signDevelopmentToken } from "./token.ts";
import { wrongWith } from "./wording.ts";

const TokenRequest = Type.Object({ user: UserId }, { additionalProperties: false });
const tokenRequest = Compile(TokenRequest);
const forwarding = ["forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip"];

/** Adds `POST /v1/dev/token` to a server in development that listens on loopback; elsewhere the route does not exist. */
export function addDevelopmentToken(app: FastifyInstance, config: Pick<Config, "development" | "host">, secret: string | null): void {
  if (!config.development || secret === null || !isLoopback(config.host)) return;
  app.post("/v1/dev/token", (request, reply) => giveToken(request, reply, secret));
}

async function giveToken(request: FastifyRequest, reply: FastifyReply, secret: string): Promise<unknown> {
  if (!isFromThisMachine(request)) {
    reply.callNotFound();
    return reply;
  }
  const { value } = request.body as JsonBody;
  if (!tokenRequest.Check(value)) throw new Refusal(107, wrongWith(TokenRequest, tokenRequest.Errors(value), ""));
  return { token: signDevelopmentToken(value.user, secret) };
}

/** No proxy is involved and no name that a web page could have pointed here: peer and `Host` are loopback. */
function isFromThisMachine({ headers, raw }: FastifyRequest): boolean {
  if (Object.keys(headers).some((name) => name.startsWith("x-forwarded-") || forwarding.includes(name))) return false;
  const peer = (raw.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  return isLoopback(peer) && isLoopback(hostName(headers.host ?? ""));
}

/** `[::1]:8080` as `::1`. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
