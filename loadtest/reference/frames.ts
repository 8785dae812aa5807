import type { Socket } from "node:net";
import type { WebSocket } from "ws";

const wireOf = (socket: WebSocket): Socket => (socket as unknown as { _socket: Socket })._socket;

/** A server's text frame. */
function textFrame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : bytes.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (head.length === 2) head[1] = bytes.length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(bytes.length, 2);
  } else {
    head[1] = 127;
    head.writeUInt32BE(bytes.length, 6);
  }
  return Buffer.concat([head, bytes]);
}

/** How lines go to sockets: each in a frame of its own, or those of one turn of the event loop in one. */
export interface Sending {
  to(socket: WebSocket, line: string): void;
  /** The same line to many sockets. */
  toAll(sockets: Iterable<WebSocket>, line: string): void;
}

/** `ws` as it is: a frame a line and socket. */
export const oneByOne: Sending = {
  to: (socket, line) => socket.send(line),
  toAll: (sockets, line) => {
    for (const socket of sockets) socket.send(line);
  },
};

/** A frame made once, written to each socket. */
export function toEach(sockets: Iterable<WebSocket>, line: string): void {
  const frame = textFrame(line);
  for (const socket of sockets) wireOf(socket).write(frame);
}

/** What is sent in one turn leaves as one frame a socket; sockets that get the very same lines share its bytes. */
export function gathered(): Sending {
  let queues = new Map<WebSocket, string[]>();
  const flush = (): void => {
    const now = queues;
    queues = new Map();
    let text = "";
    let frame: Buffer | null = null;
    for (const [socket, lines] of now) {
      const joined = lines.join("\n");
      if (joined !== text || frame === null) {
        text = joined;
        frame = textFrame(joined);
      }
      wireOf(socket).write(frame);
    }
  };
  const to = (socket: WebSocket, line: string): void => {
    const queue = queues.get(socket);
    if (queue !== undefined) queue.push(line);
    else if (queues.set(socket, [line]).size === 1) setImmediate(flush);
  };
  return {
    to,
    toAll(sockets, line) {
      for (const socket of sockets) to(socket, line);
    },
  };
}
