import type { Entry } from "#shared/wire/entry.ts";
import type { Outlet } from "./ports.ts";

/** One connection (or a waiting call) as the hub keeps it: where it stands in its inbox and in rooms. */
export class Session {
  readonly user: string;
  /** The socket, if there is one behind it. */
  readonly connection: Outlet | null;
  /** Where publications go; null: it is only told that something is new. */
  readonly outlet: Outlet | null;
  readonly news: (() => void) | null;
  /** Offset of the last inbox publication sent. */
  inboxAt = 0;
  inboxEpoch = "";
  /** Highest offset known to be there. */
  inboxWanted = 0;
  /** The connect reply is out: pushes may follow. */
  live = false;
  gone = false;
  /** Catching up from the store; pushes only move `inboxWanted` meanwhile. */
  filling = false;
  seats: Map<string, Seat> | null = null;

  constructor(user: string, connection: Outlet | null, news: (() => void) | null) {
    this.user = user;
    this.connection = connection;
    this.outlet = news === null ? connection : null;
    this.news = news;
  }
}

/** A session's place in a room. */
export class Seat {
  readonly session: Session;
  readonly conversationId: string;
  readonly epoch: string;
  /** Seq of the last publication sent. */
  at: number;
  /** Highest seq known to be there. */
  wanted = 0;
  filling = false;
  /** The user's stay is over with what was sent; the inbox will end the channel. */
  left = false;

  constructor(session: Session, conversationId: string, epoch: string, at: number) {
    this.session = session;
    this.conversationId = conversationId;
    this.epoch = epoch;
    this.at = at;
  }

  get channel(): string {
    return `conversation:${this.conversationId}`;
  }
}

/** A conversation in read mode with its readers on this node. */
export interface Room {
  seats: Set<Seat>;
  /** Seq up to which it has been given the conversation; null before the first push. */
  at: number | null;
  /** When it last began to be given something, by `performance.now()`. */
  servedAt: number;
  /** What is yet to go to all seats, in order. */
  waiting: RoomPush[];
  /** Takes what is on its way to some more seats; true when all have it. null: nothing is on its way. */
  sweep: (() => boolean) | null;
}

/** Entries that a room gets in one frame. */
export interface RoomPush {
  from: number;
  to: number;
  entries: Entry[];
  /** The last one ends the room. */
  ended: boolean;
  /** By user, the seq that ends their stay: the rest is not for them, though their inbox has yet to say so. */
  leaving: Map<string, number>;
}

/** Who sits where on this node. */
export class Seating {
  readonly rooms = new Map<string, Room>();
  readonly users = new Map<string, Session[]>();
  /** Told of a room that has its first reader here. */
  roomOpened: (conversationId: string) => void = () => {};

  enter(session: Session): void {
    const sessions = this.users.get(session.user);
    if (sessions === undefined) this.users.set(session.user, [session]);
    else sessions.push(session);
  }

  /** The user's connections, the oldest first. */
  connectionsOf(user: string): Outlet[] {
    const connections: Outlet[] = [];
    for (const { connection } of this.users.get(user) ?? []) if (connection !== null) connections.push(connection);
    return connections;
  }

  /** True if it was the user's last one. */
  exit(session: Session): boolean {
    session.gone = true;
    for (const seat of session.seats?.values() ?? []) this.#stand(seat);
    session.seats = null;
    const left = (this.users.get(session.user) ?? []).filter((one) => one !== session);
    if (left.length > 0) this.users.set(session.user, left);
    else this.users.delete(session.user);
    return left.length === 0;
  }

  /** Takes a place without a word to the client. */
  sit(session: Session, conversationId: string, epoch: string, at: number): Seat {
    const before = session.seats?.get(conversationId);
    if (before !== undefined) this.#stand(before);
    const seat = new Seat(session, conversationId, epoch, at);
    session.seats ??= new Map();
    session.seats.set(conversationId, seat);
    const room = this.rooms.get(conversationId);
    if (room === undefined) this.#open(conversationId, seat);
    else room.seats.add(seat);
    return seat;
  }

  /** A channel begins for a session that is live. */
  begin(session: Session, conversationId: string, epoch: string, at: number): void {
    const seat = this.sit(session, conversationId, epoch, at);
    session.outlet?.subscribed(seat.channel, { epoch, offset: at });
  }

  /** A channel ends for a session that is live. */
  end(seat: Seat, reason: string): void {
    seat.session.seats?.delete(seat.conversationId);
    this.#stand(seat);
    seat.session.outlet?.unsubscribed(seat.channel, reason);
  }

  #open(conversationId: string, seat: Seat): void {
    this.rooms.set(conversationId, { seats: new Set([seat]), at: null, servedAt: Number.NEGATIVE_INFINITY, waiting: [], sweep: null });
    this.roomOpened(conversationId);
  }

  #stand(seat: Seat): void {
    const room = this.rooms.get(seat.conversationId);
    room?.seats.delete(seat);
    if (room?.seats.size === 0) this.rooms.delete(seat.conversationId);
  }
}

export const MODE_CHANGED = "mode changed";
export const LEFT = "left the conversation";
