import { parsePointer, wantsTotal, isEvent } from "#shared/wire/pointer.ts";
import { eventJson, type Entry } from "#shared/wire/entry.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { hotPointers } from "#shared/hot/users.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { dataFor, type Preparing, type Ready } from "./prepare.ts";
import { LEFT, MODE_CHANGED, type Seat, type Seating, type Session } from "./seats.ts";

export interface InboxPushing {
  /** Hands what inboxes got to the sessions of their users, in order; resolves when it has. Needs no wait when all is at hand: then null. */
  take(inbox: PushBatch["inbox"]): Promise<void> | null;
  /** Catches a session up to what is known to be there. */
  fill(session: Session): void;
}

/** How many pointers a catch-up reads at once. */
const STEP = 500;

/** Inbox pushes: per session the next offset is sent, a lower one dropped, a higher one filled from the store first. */
export function createInboxPushing(deps: {
  hot: Hot;
  entries: Entries;
  seating: Seating;
  preparing: Preparing;
  logger: Logger;
}): InboxPushing {
  const { hot, entries, seating, preparing, logger } = deps;

  function take(inbox: PushBatch["inbox"]): Promise<void> | null {
    const here = inbox.filter(([user]) => seating.users.has(user));
    if (here.length === 0) return null;
    const ready = new Map<string, Ready>();
    const missing = new Set<string>();
    const owing = new Set<string>();
    for (const [user, , pointers] of here) {
      for (const text of pointers) {
        const one = ready.get(text) ?? preparing.at(text);
        if (one === null) missing.add(text);
        else ready.set(text, one);
        if (text.startsWith("J") || text.startsWith("L") || text.startsWith("V")) owing.add(user);
      }
    }
    if (missing.size > 0 || owing.size > 0) return takeLater(here, ready, missing, owing);
    hand(here, ready, new Map());
    return null;
  }

  async function takeLater(here: PushBatch["inbox"], ready: Map<string, Ready>, missing: Set<string>, owing: Set<string>): Promise<void> {
    if (missing.size > 0) await preparing.load(missing);
    const totals = new Map<string, number>();
    await Promise.all([...owing].map(async (user) => totals.set(user, await preparing.total(user))));
    hand(here, ready, totals);
  }

  function hand(here: PushBatch["inbox"], ready: Map<string, Ready>, totals: Map<string, number>): void {
    const readied = (text: string) => ready.get(text) ?? preparing.at(text);
    for (const [user, first, pointers] of here) {
      for (const session of seating.users.get(user) ?? []) handOne(session, first, pointers, totals.get(user) ?? 0, readied);
    }
  }

  function handOne(session: Session, first: number, pointers: readonly string[], total: number, readied: Preparing["at"]): void {
    const last = first + pointers.length - 1;
    session.inboxWanted = Math.max(session.inboxWanted, last);
    if (session.outlet === null) {
      tell(session, pointers);
      return;
    }
    if (!session.live || session.filling || last <= session.inboxAt) return;
    if (first > session.inboxAt + 1) fill(session);
    else put(session, first, pointers, total, readied);
  }

  /** A session that pulls is told, and takes its places in rooms; it is given nothing. */
  function tell(session: Session, pointers: readonly string[]): void {
    for (const text of pointers) {
      const begins = preparing.at(text)?.begins ?? null;
      if (begins !== null) seating.sit(session, parsePointer(text).conversationId, begins.epoch, parsePointer(text).seq);
    }
    session.news?.();
  }

  /** Puts pointers from the session's position on; stops, and fills, where something is not at hand. */
  function put(session: Session, first: number, pointers: readonly string[], total: number, readied: Preparing["at"]): void {
    for (let i = session.inboxAt + 1 - first; i < pointers.length; i++) {
      const ready = readied(pointers[i] as string);
      if (ready === null || !leaveRoom(session, ready)) {
        fill(session);
        return;
      }
      const offset = first + i;
      session.inboxAt = offset;
      session.outlet?.publish(`inbox:${session.user}`, dataFor(ready, total), offset);
      const seat = session.seats?.get(ready.pointer.conversationId);
      if (ready.pointer.letter === "L" && seat !== undefined) seating.end(seat, LEFT);
      if (ready.begins !== null) seating.begin(session, ready.pointer.conversationId, ready.begins.epoch, ready.pointer.seq);
    }
  }

  /** Before the inbox goes on with a conversation, its room must have given all it had. False if that is not at hand. */
  function leaveRoom(session: Session, { pointer }: Ready): boolean {
    const seat = session.seats?.get(pointer.conversationId);
    if (seat === undefined || pointer.letter === "V" || pointer.letter === "J") return true;
    const end = pointer.letter === "L" ? pointer.seq : pointer.seq - 1;
    if (!flush(seat, end)) return false;
    if (pointer.letter !== "L" && session.seats?.has(pointer.conversationId) === true) seating.end(seat, MODE_CHANGED);
    return true;
  }

  function flush(seat: Seat, end: number): boolean {
    const owed: Entry[] = [];
    for (let seq = seat.at + 1; seq <= end; seq++) {
      const entry = entries.peek(seat.conversationId, seq);
      if (entry === undefined) return false;
      owed.push(entry);
    }
    for (const entry of owed) seat.session.outlet?.publish(seat.channel, eventJson(entry), entry.seq);
    seat.at = Math.max(seat.at, end);
    return true;
  }

  function fill(session: Session): void {
    if (session.filling || session.gone) return;
    session.filling = true;
    void fillUp(session)
      .catch((err: unknown) => {
        logger.warn({ err }, "a reader could not be caught up and is sent to reconnect");
        session.outlet?.close(3010);
      })
      .finally(() => {
        session.filling = false;
        if (!session.gone && session.live && session.inboxAt < session.inboxWanted) fill(session);
      });
  }

  async function fillUp(session: Session): Promise<void> {
    while (!session.gone && session.inboxAt < session.inboxWanted) {
      // A push that comes while this is read may tell of more than it can know.
      const wanted = session.inboxWanted;
      const range = await hotPointers(hot, session.user, session.inboxAt + 1, session.inboxAt + STEP);
      if (range.epoch !== session.inboxEpoch || range.first > session.inboxAt + 1 || range.offset < wanted) {
        session.outlet?.close(3010);
        return;
      }
      await loadFor(session, range.pointers);
      const owes = range.pointers.map(parsePointer).some((pointer) => isEvent(pointer) && wantsTotal(pointer));
      const total = owes ? await preparing.total(session.user) : 0;
      const before = session.inboxAt;
      if (session.gone) return;
      put(session, range.first, range.pointers, total, preparing.at);
      if (session.inboxAt === before) throw new Error(`offset ${before + 1} of an inbox cannot be read`);
    }
  }

  /** Brings to hand the entries of the pointers, and what rooms owe before them. */
  async function loadFor(session: Session, pointers: string[]): Promise<void> {
    await preparing.load(pointers);
    const owed = pointers.flatMap((text) => {
      const pointer = parsePointer(text);
      const at = session.seats?.get(pointer.conversationId)?.at ?? pointer.seq;
      const count = pointer.letter === "V" ? 0 : Math.max(0, pointer.seq - at);
      return Array.from({ length: count }, (_, i) => ({ conversationId: pointer.conversationId, seq: at + 1 + i }));
    });
    await entries.load(owed);
  }

  return { take, fill };
}
