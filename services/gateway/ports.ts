import type { Positions } from "#shared/wire/values.ts";
import type { Shared } from "./encoding.ts";

export type { Caller, Handler, Methods, SendHandler } from "#shared/wire/ports.ts";

/** What the hub sees of one connection. What is pushed in one turn leaves as one frame, in order, in the connection's encoding. */
export interface Outlet {
  readonly user: string;
  /** The protocol's `client`: unique for the connection. */
  readonly client: string;
  /** Pushes a publication. Without `offset` it moves no position: only for channels that are not recoverable. */
  publish(channel: string, dataJson: string, offset?: number): void;
  /** Pushes what goes to many. */
  publishShared(shared: Shared): void;
  /** The same without waiting for the end of the turn, for who wants to know how long it took. */
  publishNow(shared: Shared): void;
  /** A server-side subscription begins at the position: before the first publication that follows. */
  subscribed(channel: string, position: { epoch: string; offset: number }): void;
  /** A server-side subscription ends. `reason` is plain words, never empty. */
  unsubscribed(channel: string, reason: string): void;
  close(code: number): void;
}

/** `connect.subs` and `connect.data` of the client, as the hub needs them. */
export interface AttachRequest {
  /** From `connect.subs`, entries with `recover` only; null if `connect.subs` was empty or missing. */
  sdkPositions: Positions | null;
  /** From `connect.data.positions`; counts only when `sdkPositions` is null. */
  storedPositions: Positions | null;
  push: "full" | "notify";
  device?: string;
  deviceId?: string;
}

export interface Attached {
  /** The `subs` object of the connect reply as JSON text. */
  subsJson: string;
  unwatched: string[];
  /** To be called when the connect reply has been put: puts what must follow it in the same frame (ends of channels, new beginnings), then goes live. */
  goLive(): void;
}

export interface HistoryRequest {
  channel: string;
  /** 0: position only; −1: as many as allowed (1,000 publications, 512 KiB). */
  limit: number;
  since?: { offset: number; epoch: string };
  reverse: boolean;
}

/** Users, their sockets, and rooms on this node: what is pushed to whom, in order, from which position. */
export interface Hub {
  /** Registers the connection, computes its server-side subscriptions and recovers. Throws `Refusal` (108 temporary when a store is away). */
  attach(outlet: Outlet, request: AttachRequest): Promise<Attached>;
  /** The connection is gone; idempotent. */
  detach(outlet: Outlet): void;
  /** Protocol `history` of a channel the caller holds; resolves to the HistoryResult as JSON text. Refuses with 102, 103, 112. */
  history(outlet: Outlet, request: HistoryRequest): Promise<string>;
  /** Protocol `presence`: client id → ClientInfo. Refuses with 102 or 103. */
  presence(outlet: Outlet, channel: string): Promise<Record<string, { user: string; client: string }>>;
  /** True if the channel is held by the server for this connection (a `subscribe` for it gets 105); otherwise throws 102 or 103. */
  holds(outlet: Outlet, channel: string): Promise<boolean>;
  /** Connections of a user on this node, oldest first. */
  connectionsOf(user: string): Outlet[];
}
