import { createConnection, createServer } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint } from "./conf.ts";

const pollMs = 10;

/**
 * Resolves when the Redis there is process `pid` and answers PING with PONG, so not while it still loads its data, and never for another Redis
 * at that address. Rejects when `signal` is aborted.
 */
export async function untilReady(endpoint: Endpoint, pid: number, signal: AbortSignal): Promise<void> {
  while (!(await isReady(endpoint, pid))) await delay(pollMs, undefined, { signal });
  signal.throwIfAborted();
}

async function isReady(endpoint: Endpoint, pid: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection("port" in endpoint ? { port: endpoint.port, host: "127.0.0.1" } : { path: endpoint.socket });
  let answer = "";
  socket.setTimeout(1_000, () => resolve(false));
  socket.once("connect", () => socket.write("PING\r\nINFO server\r\n"));
  socket.on("data", (chunk) => {
    answer += chunk.toString("latin1");
    if (answer.length >= 5 && !answer.startsWith("+PONG")) resolve(false);
    const found = /\r\nprocess_id:(\d+)\r\n/.exec(answer);
    if (found !== null) resolve(found[1] === String(pid));
  });
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  const ready = await promise;
  socket.destroy();
  return ready;
}

/** A TCP port that was free on loopback a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port on 127.0.0.1");
  return address.port;
}

/** As many of them, each another one: what is free again may be given again at once. */
export async function freePorts(count: number, fits: (port: number) => boolean = () => true): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = await freePort();
    if (fits(port)) ports.add(port);
  }
  return [...ports];
}
