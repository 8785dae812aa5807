import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Socket } from "node:net";
import { Redis } from "ioredis";
import { WebSocketServer, type WebSocket } from "ws";

/**
 * What the bench measures against: a bare `ws` server without permissions, dedupe, order, catch-up or archive. A process of its own, started with
 * the URL of its Redis (or "") as argument; it tells its parent the port.
 *
 * chat     `{"to","n","body"}`: one EVALSHA (INCR + 2 XADD), then the ack `{"ack","seq"}` and the message to the peer, a frame each
 * room     `{"room"}`: the line, framed once, written to every socket
 * missed   `{"missed","from"}`: the list of that name in one reply
 */
const [redisUrl = ""] = process.argv.slice(2);
const redis = redisUrl === "" ? null : new Redis(redisUrl);
const script = `local seq = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'r', ARGV[1])
redis.call('XADD', KEYS[3], '*', 'r', ARGV[1])
return seq`;
const sha = redis === null ? "" : ((await redis.script("LOAD", script)) as string);

const users = new Map<string, WebSocket>();
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, clientTracking: false });

interface Command {
  to?: string;
  n?: number;
  body?: string;
  room?: string;
  missed?: string;
  from?: number;
}

async function chat(socket: WebSocket, user: string, { to = "", n = 0, body = "" }: Command): Promise<void> {
  const pair = user < to ? `${user}:${to}` : `${to}:${user}`;
  const seq = await redis?.evalsha(sha, 3, `s:${pair}`, `m:${pair}`, `i:${to}`, body);
  socket.send(`{"ack":${n},"seq":${String(seq)}}`);
  users.get(to)?.send(`{"from":"${user}","n":${n},"seq":${String(seq)},"body":"${body}"}`);
}

function textFrame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = bytes.length < 126 ? Buffer.from([0x81, bytes.length]) : Buffer.from([0x81, 126, bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([head, bytes]);
}

function room(text: string): void {
  const frame = textFrame(text);
  for (const socket of users.values()) (socket as unknown as { _socket: Socket })._socket.write(frame);
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
    else if (command.room !== undefined) room(text);
    else if (command.missed !== undefined) void missed(socket, command.missed, command.from ?? 0);
  });
});
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
process.once("disconnect", () => process.exit(0));
