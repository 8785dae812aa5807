import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { clientFrame, frameReader, type FrameEvents } from "./frames.ts";

/** One WebSocket of a load generator. */
export interface LeanSocket {
  /** Sends a text frame. Frames of one turn of the event loop leave with one write. */
  send(text: string): void;
  /** Ends the connection without a closing handshake; `close` is not called. */
  destroy(): void;
}

export interface Target {
  host: string;
  port: number;
  path: string;
  /** Source address; several of them make room for more connections to one server. */
  from?: string;
}

/** The lines of a frame: one, or several that left together. */
export function eachLine(frame: Buffer, take: (line: string) => void): void {
  const text = frame.toString("utf8");
  if (!text.includes("\n")) take(text);
  else for (const line of text.split("\n")) take(line);
}

/** All sockets read into it, one after the other: a frame's bytes are handled before the next read. */
const shared = Buffer.allocUnsafe(256 * 1024);

/** Opens a WebSocket; resolves after the handshake. `close` gets the server's code, or 1006 when the connection breaks. */
export async function openSocket(target: Target, events: FrameEvents): Promise<LeanSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const read = frameReader(events);
  let opened = false;
  let greeting = "";
  let over = false;
  const take = (chunk: Buffer): void => {
    if (opened) return read(chunk);
    greeting += chunk.toString("latin1");
    const end = greeting.indexOf("\r\n\r\n");
    if (end < 0) return;
    opened = true;
    if (greeting.startsWith("HTTP/1.1 101")) resolve();
    else reject(new Error(greeting.slice(0, 200)));
    if (greeting.length > end + 4) read(Buffer.from(greeting.slice(end + 4), "latin1"));
  };
  const tcp = connect({
    host: target.host,
    port: target.port,
    ...(target.from === undefined ? {} : { localAddress: target.from }),
    noDelay: true,
    onread: {
      buffer: shared,
      callback(bytes, buffer) {
        take((buffer as Buffer).subarray(0, bytes));
        return true;
      },
    },
  });
  tcp.on("error", reject);
  tcp.on("close", () => {
    reject(new Error("closed before the handshake"));
    if (!over) events.close(1006);
  });
  tcp.write(
    `GET ${target.path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await promise;
  return {
    send: sender(tcp),
    destroy() {
      over = true;
      tcp.destroy();
    },
  };
}

function sender(tcp: Socket): (text: string) => void {
  let queue: Buffer[] = [];
  const flush = (): void => {
    tcp.write(queue.length === 1 ? (queue[0] as Buffer) : Buffer.concat(queue));
    queue = [];
  };
  return (text) => {
    if (queue.push(clientFrame(text)) === 1) queueMicrotask(flush);
  };
}
