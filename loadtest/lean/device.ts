import { openSocket, type LeanSocket, type Target } from "./socket.ts";

/** The subscription of a channel in a connect reply. */
export interface Sub {
  epoch: string;
  offset: number;
  recovered?: boolean;
  was_recovering?: boolean;
  publications?: { offset: number; data: unknown }[];
}
export interface ConnectReply {
  id: number;
  connect: { client: string; subs: Record<string, Sub> };
}

/** A connected device: Centrifuge protocol v2 in JSON, as little of it as a load test needs. */
export interface Device {
  readonly user: string;
  readonly reply: ConnectReply;
  /** When the whole reply was there, by `performance.now()`. */
  readonly repliedAt: number;
  /** Starts an RPC; its reply is a line like any other. */
  rpc(id: number, method: string, dataJson: string): void;
  destroy(): void;
}

export interface DeviceEvents {
  /** A reply or push. Pings are answered and not shown. */
  line(line: string): void;
  /** The connection ended without being asked to. */
  closed(code: number): void;
}

export interface Login {
  user: string;
  token: string;
  /** `connect.subs`: the position of a client that comes back; nothing in it for one that only names the channel. */
  subs?: Record<string, { recover: true; epoch: string; offset: number } | Record<string, never>>;
}

/** Connects a device; resolves with the connect reply, after which lines come. `asking` is called when the connect command leaves. */
export async function openDevice(target: Target, login: Login, events: DeviceEvents, asking: () => void = () => {}): Promise<Device> {
  const { promise, resolve, reject } = Promise.withResolvers<ConnectReply>();
  let socket: LeanSocket | null = null;
  let connected = false;
  let repliedAt = 0;
  const take = (line: string): void => {
    if (line === "{}") socket?.send("{}");
    else if (connected) events.line(line);
    else {
      connected = true;
      repliedAt = performance.now();
      const reply = JSON.parse(line) as ConnectReply;
      if (reply.connect === undefined) reject(new Error(`${login.user} could not connect: ${line}`));
      else resolve(reply);
    }
  };
  socket = await openSocket(target, {
    text(frame) {
      const text = frame.toString("utf8");
      if (!text.includes("\n")) take(text);
      else for (const line of text.split("\n")) take(line);
    },
    close(code) {
      reject(new Error(`${login.user} was closed with ${code} while connecting`));
      if (connected) events.closed(code);
    },
  });
  const { token, subs = {} } = login;
  asking();
  socket.send(JSON.stringify({ id: 1, connect: { token, subs, data: { device: "bot" } } }));
  const open = socket;
  return {
    user: login.user,
    reply: await promise,
    repliedAt,
    rpc: (id, method, dataJson) => open.send(`{"id":${id},"rpc":{"method":"${method}","data":${dataJson}}}`),
    destroy: () => open.destroy(),
  };
}
