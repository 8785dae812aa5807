import type { ChannelState, Publication, Recover, Watch, WatchUser } from "#shared/wire/ports.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import type { Bus } from "#shared/hot/bus.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { wentOffline } from "#shared/hot/users.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createPresence } from "./channel-presence.ts";
import { createHandOut } from "./hand-out.ts";
import { createHistory, type ReadInbox } from "./history.ts";
import { createInboxPushing } from "./inbox-push.ts";
import { keepJournal } from "./journal.ts";
import { newsTeller } from "./news.ts";
import type { Attached, AttachRequest, Hub, Outlet } from "./ports.ts";
import { startPositionChecks } from "./position-checks.ts";
import { createPreparing } from "./prepare.ts";
import { keepInterest } from "./room-interest.ts";
import { createRoomPushing } from "./room-push.ts";
import { MODE_CHANGED, Seating, Session } from "./seats.ts";
import { keepWhereabouts } from "./whereabouts.ts";

export interface HubParts {
  hot: Hot;
  entries: Entries;
  bus: Bus;
  recover: Recover;
  readInbox: ReadInbox;
  logger: Logger;
  node: string;
  /** Of a user, over all nodes. */
  maxConnections: number;
}

/** The hub with what only this process uses of it. */
export interface LocalHub extends Hub, AsyncDisposable {
  watch: WatchUser;
  /** Seq up to which the room of a conversation has been given it; null where nobody sits in it here, or nothing came since. */
  roomAt(conversationId: string): number | null;
  /** Gives an event to all connections of a user on this node, on `live:<user>`. */
  tellLive(user: string, event: object): void;
}

/** Opens the hub of this node and starts taking pushes. */
export async function openHub(parts: HubParts): Promise<LocalHub> {
  const { hot, entries, bus, recover, logger, node } = parts;
  const seating = new Seating();
  const sessions = new Map<Outlet, Session>();
  const journal = keepJournal(hot, node, logger);
  const preparing = createPreparing(hot, entries);
  const inboxes = createInboxPushing({ hot, entries, seating, preparing, logger });
  const rooms = createRoomPushing({ hot, entries, seating, logger });
  const arriving = new Arrivals();

  const handOut = createHandOut({ entries, seating, inboxes, rooms, logger });
  const whereabouts = keepWhereabouts({
    hot,
    bus,
    seating,
    node,
    maxConnections: parts.maxConnections,
    since: (one) => journal.since(one),
    logger,
  });
  const presence = createPresence({ bus, node, seating });
  const checks = startPositionChecks({ hot, seating, inboxes, rooms, logger });
  const interest = keepInterest({
    bus,
    seating,
    async compare(conversationId) {
      const head = await checks.checkRoom(conversationId);
      arriving.note([[conversationId, head, head, 0]]);
    },
    logger,
  });
  await bus.listen(node, {
    push(batch) {
      arriving.note(batch.rooms);
      handOut(batch);
    },
    hear(word) {
      if (word.word === "tooMany") whereabouts.tooMany(word);
      else if (word.word === "live") tellLive(word.user, word.event);
      else presence.hear(word);
    },
    lost: () => checks.hasten(),
    returned() {
      logger.warn({}, "this node was taken for gone; it says again who is here");
      whereabouts.announce().catch((err: unknown) => logger.warn({ err }, "users of this node may miss pushes until they are compared"));
    },
  });

  /** Ephemeral: whoever is still coming misses it. */
  function tellLive(user: string, event: object): void {
    const json = JSON.stringify(event);
    for (const { live, connection } of seating.users.get(user) ?? []) if (live) connection?.publish(`live:${user}`, json);
  }

  /** Registers before it reads, so that nothing between is missed. */
  async function enter(session: Session, positions: AttachRequest["storedPositions"]) {
    seating.enter(session);
    const leave = arriving.enter();
    try {
      const recovered = await recover(session.user, whereabouts.here(session.user), positions);
      whereabouts.came(session.user, recovered);
      if (session.gone) return recovered;
      for (const state of recovered.channels) place(seating, session, state);
      return recovered;
    } catch (thrown) {
      exit(session);
      throw thrown;
    } finally {
      leave();
    }
  }

  function exit(session: Session): void {
    if (session.gone) return;
    if (seating.exit(session) || session.connection !== null) whereabouts.went(session.user);
  }

  function goLive(session: Session): void {
    session.live = true;
    if (session.outlet === null) return;
    if (session.inboxWanted > session.inboxAt) inboxes.fill(session);
    for (const seat of session.seats?.values() ?? []) {
      seat.wanted = Math.max(seat.wanted, arriving.head(seat.conversationId));
      if (seat.wanted > seat.at) rooms.fill(seat);
    }
  }

  async function attach(outlet: Outlet, request: AttachRequest): Promise<Attached> {
    const quiet = request.push === "notify";
    const session = new Session(outlet.user, outlet, quiet ? newsTeller(outlet) : null);
    sessions.set(outlet, session);
    journal.connected(outlet, request.device ?? "");
    const recovered = await enter(session, quiet ? null : (request.sdkPositions ?? request.storedPositions)).catch((thrown: unknown) => {
      sessions.delete(outlet);
      throw thrown;
    });
    const subs = quiet ? [] : recovered.channels.map((state) => `${JSON.stringify(state.channel)}:${subJson(state)}`);
    return {
      subsJson: `{${[...subs, `"live:${outlet.user}":{}`].join(",")}}`,
      unwatched: quiet ? [] : recovered.unwatched,
      goLive() {
        if (!quiet) for (const state of recovered.channels) putFollowing(outlet, state);
        goLive(session);
      },
    };
  }

  const history = createHistory({
    hot,
    entries,
    seatOf: (outlet, id) => sessions.get(outlet)?.seats?.has(id) === true,
    readInbox: parts.readInbox,
  });

  return {
    attach,
    detach(outlet) {
      const session = sessions.get(outlet);
      sessions.delete(outlet);
      journal.disconnected(outlet);
      if (session !== undefined) exit(session);
    },
    history: (outlet, request) => history.read(outlet, request),
    holds: (outlet, channel) => history.holds(outlet, channel),
    async presence(outlet, channel) {
      await history.mayWatch(outlet, channel);
      return presence.of(channel);
    },
    roomAt: (conversationId) => seating.rooms.get(conversationId)?.at ?? null,
    tellLive,
    connectionsOf: (user) => seating.connectionsOf(user),
    async watch(user): Promise<Watch> {
      let news = Promise.withResolvers<void>();
      const session = new Session(user, null, () => news.resolve());
      await enter(session, null);
      goLive(session);
      return {
        async arrived(ms) {
          const timer = setTimeout(() => news.resolve(), ms);
          await news.promise.finally(() => clearTimeout(timer));
          news = Promise.withResolvers();
        },
        [Symbol.dispose]: () => exit(session),
      };
    },
    async [Symbol.asyncDispose]() {
      checks[Symbol.dispose]();
      interest[Symbol.dispose]();
      await journal[Symbol.asyncDispose]();
      await Promise.all([...seating.users.keys()].map((user) => wentOffline(hot, user, node).catch(() => undefined)));
      await whereabouts.settled();
    },
  };
}

/** While readers come, what rooms get is noted: a reader is seated only when its position is read, and may lack what came between. */
class Arrivals {
  #heads = new Map<string, number>();
  #arriving = 0;

  enter(): () => void {
    this.#arriving++;
    return () => {
      this.#arriving--;
      // The heads stay until the readers of this turn have gone live.
      if (this.#arriving === 0) setImmediate(() => this.#arriving === 0 && this.#heads.clear());
    };
  }

  note(rooms: PushBatch["rooms"]): void {
    if (this.#arriving === 0 && this.#heads.size === 0) return;
    for (const [conversationId, , to] of rooms) this.#heads.set(conversationId, Math.max(to, this.head(conversationId)));
  }

  head(conversationId: string): number {
    return this.#heads.get(conversationId) ?? 0;
  }
}

/** Where the session stands after the reply is out. */
function place(seating: Seating, session: Session, { conversationId, epoch, parts }: ChannelState): void {
  const part = parts.at(-1);
  if (part === undefined) return;
  const at = part.publications.at(-1)?.offset ?? part.offset;
  if (conversationId === null) {
    session.inboxAt = at;
    session.inboxEpoch = epoch;
  } else if (!part.ended) {
    seating.sit(session, conversationId, epoch, at);
  }
}

const publicationJson = ({ offset, data }: Publication): string => `{"data":${data},"offset":${offset}}`;

function subJson({ epoch, recovered, wasRecovering, parts }: ChannelState): string {
  const { offset, publications } = parts[0] ?? { offset: 0, publications: [] };
  const flags = `${recovered ? ',"recovered":true' : ""}${wasRecovering ? ',"was_recovering":true' : ""}`;
  const missed = recovered && publications.length > 0 ? `,"publications":[${publications.map(publicationJson).join(",")}]` : "";
  return `{"recoverable":true,"positioned":true,"epoch":"${epoch}","offset":${offset}${flags}${missed},"data":{"epoch":"${epoch}","offset":${offset}}}`;
}

/** What follows the connect reply in the same frame: the end of a channel that was there, and its later lives. */
function putFollowing(outlet: Outlet, { channel, epoch, parts }: ChannelState): void {
  for (const [i, { offset, publications, ended }] of parts.entries()) {
    if (i > 0) {
      outlet.subscribed(channel, { epoch, offset });
      for (const publication of publications) outlet.publish(channel, publication.data, publication.offset);
    }
    if (ended) outlet.unsubscribed(channel, MODE_CHANGED);
  }
}
