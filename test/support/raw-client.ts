import { once } from "node:events";
import { WebSocket } from "ws";

/** A line of a server frame. */
export interface Line {
  id?: number;
  error?: { code: number; message: string; temporary?: boolean };
  connect?: { client: string; data: Record<string, unknown>; subs: Record<string, Record<string, unknown>> };
  push?: { channel: string; pub?: { data: Record<string, unknown>; offset?: number } };
  [body: string]: unknown;
}

/** A WebSocket that sends what it is told, well-formed or not, and keeps every line it gets. */
export interface RawClient extends Disposable {
  readonly lines: Line[];
  readonly closed: Promise<{ code: number; reason: string }>;
  isOpen(): boolean;
  write(text: string | Buffer): void;
  /** Sends a command under a new id; resolves with its reply. */
  ask(body: object): Promise<Line>;
}

/** Opens a socket; with a token it also connects. */
export async function openRaw(url: string, token?: string, data?: object): Promise<RawClient> {
  const socket = new WebSocket(url);
  const lines: Line[] = [];
  const waiting = new Map<number, (line: Line) => void>();
  let id = 0;
  socket.on("message", (frame: Buffer) => {
    for (const text of frame.toString().split("\n")) {
      const line = JSON.parse(text) as Line;
      if (text === "{}") socket.send("{}");
      lines.push(line);
      if (line.id !== undefined) waiting.get(line.id)?.(line);
    }
  });
  socket.on("error", () => {});
  const closed = once(socket, "close").then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
  await Promise.race([once(socket, "open"), closed]);
  const client: RawClient = {
    lines,
    closed,
    isOpen: () => socket.readyState === WebSocket.OPEN,
    write: (text) => socket.send(text),
    ask(body) {
      const { promise, resolve, reject } = Promise.withResolvers<Line>();
      waiting.set(++id, resolve);
      socket.send(JSON.stringify({ id, ...body }));
      void closed.then(({ code, reason }) => reject(new Error(`closed with ${code} ${reason} before the answer`)));
      return promise;
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
  if (token === undefined) return client;
  const reply = await client.ask({ connect: { token, ...(data === undefined ? {} : { data }) } });
  if (reply.error !== undefined) throw new Error(`connect: ${reply.error.code} ${reply.error.message}`);
  return client;
}
