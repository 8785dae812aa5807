import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createVerifier } from "fast-jwt";
import { Redis } from "ioredis";
import { WebSocketServer, type WebSocket } from "ws";
import { LOAD_SECRET } from "../lean/token.ts";
import { gathered, oneByOne, toEach } from "./frames.ts";

/**
 * What the bench measures against: a bare `ws` server without permissions, dedupe, order, catch-up or archive. A process of its own, started with
 * the URL of its Redis (or "") and "gathered" or "plain" as arguments; it tells its parent the port.
 *
 * chat     `{"to","n","body"}`: with a Redis one EVALSHA (INCR + 2 XADD) first; then the ack `{"ack","seq"}` and the message to the peer
 * group    `{"group","n","body"}`: with a Redis one EVALSHA (INCR + XADD) first; then the ack and the message to every socket
 * room     `{"room"}`: the line, framed once, written to every socket
 * connect  `{"connect"}`: the token is verified; the user in one reply
 * missed   `{"missed","from"}`: the list of that name in one reply
 */
const [redisUrl = "", how = "plain"] = process.argv.slice(2);
const redis = redisUrl === "" ? null : new Redis(redisUrl);
const sending = how === "gathered" ? gathered() : oneByOne;
const scripts = {
  chat: `local seq = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'r', ARGV[1])
redis.call('XADD', KEYS[3], '*', 'r', ARGV[1])
return seq`,
  group: `local seq = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'r', ARGV[1])
return seq`,
};
const shas = {
  chat: redis === null ? "" : ((await redis.script("LOAD", scripts.chat)) as string),
  group: redis === null ? "" : ((await redis.script("LOAD", scripts.group)) as string),
};
const seqs = new Map<string, number>();
const verify = createVerifier({ key: LOAD_SECRET, algorithms: ["HS256"], requiredClaims: ["sub", "exp"] });
const users = new Map<string, WebSocket>();
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, clientTracking: false });

interface Command {
  to?: string;
  group?: string;
  n?: number;
  body?: string;
  room?: string;
  connect?: string;
  missed?: string;
  from?: number;
}

/** Without a Redis the number is counted here. */
function numbered(script: "chat" | "group", name: string, more: string[], body: string): Promise<unknown> | number {
  if (redis !== null) return redis.evalsha(shas[script], 2 + more.length, `s:${name}`, `m:${name}`, ...more, body);
  const seq = (seqs.get(name) ?? 0) + 1;
  seqs.set(name, seq);
  return seq;
}

async function chat(socket: WebSocket, user: string, { to = "", n = 0, body = "" }: Command): Promise<void> {
  const pair = user < to ? `${user}:${to}` : `${to}:${user}`;
  const given = numbered("chat", pair, [`i:${to}`], body);
  const seq = typeof given === "number" ? given : await given;
  sending.to(socket, `{"ack":${n},"seq":${String(seq)}}`);
  const peer = users.get(to);
  if (peer !== undefined) sending.to(peer, `{"from":"${user}","n":${n},"seq":${String(seq)},"body":"${body}"}`);
}

async function group(socket: WebSocket, user: string, { group: name = "", n = 0, body = "" }: Command): Promise<void> {
  const given = numbered("group", name, [], body);
  const seq = typeof given === "number" ? given : await given;
  sending.to(socket, `{"ack":${n},"seq":${String(seq)}}`);
  sending.toAll(users.values(), `{"from":"${user}","n":${n},"seq":${String(seq)},"body":"${body}"}`);
}

async function missed(socket: WebSocket, key: string, from: number): Promise<void> {
  const rows = (await redis?.lrange(key, from, -1)) ?? [];
  socket.send(`{"missed":[${rows.join(",")}]}`);
}

server.on("connection", (socket, request) => {
  const user = request.url?.slice(1) ?? "";
  users.set(user, socket);
  socket.on("close", () => users.delete(user));
  socket.on("message", (data: Buffer) => {
    const text = data.toString("utf8");
    const command = JSON.parse(text) as Command;
    if (command.to !== undefined) void chat(socket, user, command);
    else if (command.group !== undefined) void group(socket, user, command);
    else if (command.room !== undefined) toEach(users.values(), text);
    else if (command.connect !== undefined) socket.send(`{"connected":"${(verify(command.connect) as { sub: string }).sub}"}`);
    else if (command.missed !== undefined) void missed(socket, command.missed, command.from ?? 0);
  });
});
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
process.once("disconnect", () => process.exit(0));
