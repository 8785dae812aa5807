/** Ports between the door and the stations that serve its methods. */

/** Who calls a method, and from where. `session` is null for a call over HTTP. */
export interface Caller {
  user: string;
  session: string | null;
}

/**
 * Serves one RPC method: parameters already valid by the method table's schema; answers with the result object, which may be a `Json`, or
 * throws a `Refusal`.
 */
export type Handler = (params: never, caller: Caller) => Promise<object>;

/**
 * `message.send` has a way of its own, for it is the hot path and its order matters: `accept` runs in the turn of arrival, so that what one
 * connection sends is committed in the order of the calls; `done` is called once, with the result as JSON text or with what was refused.
 */
export type SendHandler = (params: never, caller: Caller, done: (thrown: unknown, resultJson: string) => void) => void;

/** All methods served by this process, by name. */
export interface Methods {
  handlers: ReadonlyMap<string, Handler>;
  send: SendHandler;
}

/** Makes message ids; see shared/ids/snowflake.ts. Throws a `Refusal` 108 while this process may not make any. */
export interface Ids {
  next(): string;
  nextAbove(id: string): string;
  timeOf(id: string): number;
}

export interface Publication {
  offset: number;
  /** JSON text */
  data: string;
}

/** A stretch of a conversation's channel that a reader is owed: after `offset`, complete. */
export interface ChannelPart {
  offset: number;
  publications: Publication[];
  /** True if the channel ended with the last of them. */
  ended: boolean;
}

/** One server-side channel in an answer to a reader who comes (back). */
export interface ChannelState {
  channel: string;
  /** null: the inbox */
  conversationId: string | null;
  epoch: string;
  wasRecovering: boolean;
  recovered: boolean;
  /** Recovered: one part for each time the channel was there since the reader's position. Otherwise one part without publications, at the channel's end. */
  parts: ChannelPart[];
}

/** What a node last said of a user's connections there. A node that died says nothing any more. */
export interface NodeConnections {
  node: string;
  /** When the oldest of them began, Unix ms. */
  oldest: number;
  count: number;
}

/** A user on a gateway node; `connections` is null where only a call waits. */
export interface Here {
  node: string;
  connections: Omit<NodeConnections, "node"> | null;
}

export interface Recovered {
  /** The inbox first. */
  channels: ChannelState[];
  /** Conversations in read mode beyond the watched ones. */
  unwatched: string[];
  /** Nodes that the user is said to be online on, and the connections there. */
  nodes: string[];
  connections: NodeConnections[];
}

/** What a user holds, and what was missed since the given positions; also says that the user is online here. Refuses with 108 when a store is away. */
export type Recover = (user: string, here: Here, positions: Record<string, { epoch: string; offset: number }> | null) => Promise<Recovered>;

/** Something new for a user may come: `arrived` resolves when it has. */
export interface Watch extends Disposable {
  /** Resolves when something came since the watch began or since this last resolved, or after `ms`. One call at a time. */
  arrived(ms: number): Promise<void>;
}
/** Watches for a user on this node. Ready when the promise resolves: what comes later is not missed. */
export type WatchUser = (user: string) => Promise<Watch>;
