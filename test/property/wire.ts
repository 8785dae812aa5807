import { WebSocket } from "ws";

/** The parts of the Centrifuge protocol that the devices of these tests read. */
export interface Position {
  epoch: string;
  offset: number;
}
export interface Publication {
  data: Happening;
  offset?: number;
}
export interface SubResult {
  recoverable?: boolean;
  epoch?: string;
  offset?: number;
  recovered?: boolean;
  was_recovering?: boolean;
  publications?: Publication[];
  data?: Position;
}
export interface ConnectReply {
  client: string;
  subs?: Record<string, SubResult>;
  data: { unwatched?: string[] };
}
export interface Push {
  channel: string;
  pub?: Publication;
  subscribe?: SubResult;
  unsubscribe?: { code: number; reason: string };
}
export interface Reply {
  id?: number;
  error?: { code: number; message: string };
  connect?: ConnectReply;
  rpc?: { data: unknown };
  push?: Push;
}

/** The `data` of a publication: an entry of a conversation or an event of one's own. */
export interface Happening {
  type: string;
  conversationId?: string;
  seq?: number;
  prev?: number;
  count?: number;
  at?: number;
  message?: Message;
  users?: string[];
  change?: string;
  by?: string;
  mode?: "write" | "read";
  reason?: string;
  readSeq?: number;
  unread?: number;
  total?: number;
  conversation?: Conversation;
}
export interface Message {
  id: string;
  conversationId: string;
  seq: number;
  prev: number;
  count: number;
  at: number;
  from: string;
  body: { text: string };
  clientMsgId: string;
}
export interface Conversation {
  id: string;
  kind: string;
  owner: string | null;
  members: number;
  mode: "write" | "read";
  seq: number;
  count: number;
  createdAt: number;
  peer?: { user: string; readSeq: number };
  my?: { role: string; joinedSeq: number; readSeq: number; unread: number; muted: boolean };
  last?: Message;
}

/** What became of a call. `lost`: the connection ended first, so nobody knows. */
export type Answer = { result: unknown } | { error: { code: number; message: string } } | { lost: true };

export interface Wire {
  /** Puts an RPC on the wire before it returns. */
  call(method: string, data: object): Promise<Answer>;
  /** Ends the connection at once, as a lost network does. */
  cut(): void;
}

/**
 * One raw connection. `frame` is given every frame's replies and pushes in order, from the one with the connect reply on; `closed` the close code,
 * unless the connection was cut from here. Resolves when the connect reply has been handled.
 */
export async function openWire(
  url: string,
  connect: object,
  on: { frame: (replies: Reply[]) => void; closed: (code: number, reason: string) => void },
): Promise<Wire> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, (answer: Answer) => void>();
  const opened = Promise.withResolvers<void>();
  let next = 1;
  let cut = false;
  let open = false;
  socket.on("open", () => socket.send(JSON.stringify({ id: next, connect })));
  socket.on("error", (error) => opened.reject(error));
  socket.on("message", (data: Buffer) => {
    if (cut) return;
    const replies = data
      .toString()
      .split("\n")
      .map((line) => JSON.parse(line) as Reply);
    if (replies.some((reply) => Object.keys(reply).length === 0)) socket.send("{}");
    on.frame(replies.filter((reply) => reply.push !== undefined || reply.connect !== undefined));
    for (const { id = 0, error, rpc, connect: connected } of replies) {
      if (connected !== undefined) {
        open = true;
        opened.resolve();
      } else if (id === 1 && error !== undefined) opened.reject(new Error(`connect was refused: ${error.code} ${error.message}`));
      else if (error !== undefined) waiting.get(id)?.({ error });
      else if (rpc !== undefined) waiting.get(id)?.({ result: rpc.data });
      waiting.delete(id);
    }
  });
  socket.on("close", (code, reason) => {
    for (const answer of waiting.values()) answer({ lost: true });
    waiting.clear();
    opened.reject(new Error(`closed while connecting: ${code} ${reason.toString()}`));
    if (open && !cut) on.closed(code, reason.toString());
  });
  await opened.promise;
  return {
    call(method, data) {
      if (socket.readyState !== WebSocket.OPEN) return Promise.resolve({ lost: true });
      const id = ++next;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, rpc: { method, data } }));
      return promise;
    },
    cut() {
      cut = true;
      socket.terminate();
    },
  };
}
