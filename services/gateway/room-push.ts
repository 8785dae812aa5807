import { eventJson, type Entry } from "#shared/wire/entry.ts";
import { hotRanges, type Entries, type HotRange } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { createBreath } from "#shared/run/breath.ts";
import type { Logger } from "#shared/run/logger.ts";
import { afterTurn } from "#shared/run/turn.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { Shared } from "./encoding.ts";
import type { Outlet } from "./ports.ts";
import { MODE_CHANGED, type Room, type RoomPush, type Seat, type Seating } from "./seats.ts";

/** A rested room with no more seats is given something at once; all others are, in turns of the event loop. */
const SMALL = 200;
/**
 * A room that was given something rests, so long for each of its seats and at most so long (ms). What comes meanwhile goes into one frame: a write to a
 * socket costs more than what it carries.
 */
const REST_A_SEAT = 0.4;
const LONGEST_REST = 20;
/** Most bytes of entries in one such frame. */
const MOST_BYTES = 256 * 1024;
const STEP = 500;

export interface RoomPushing {
  /** Hands what rooms got to their seats; null when nothing had to be waited for. Big rooms, and those that rest, are served in slices after that. */
  take(rooms: PushBatch["rooms"]): Promise<void> | null;
  /** Catches one seat up with its conversation. */
  fill(seat: Seat): void;
  /** True while something is on its way to the seats of a room that has been given the conversation up to that seq. */
  brings(conversationId: string, seq: number): boolean;
}

/** Room pushes: encoded once for all seats of a room; per seat the next seq is sent, a lower one dropped, a higher one filled from the store first. */
export function createRoomPushing(deps: { hot: Hot; entries: Entries; seating: Seating; logger: Logger }): RoomPushing {
  const { hot, entries, seating, logger } = deps;
  /** By conversation and seq. Readers who stopped at the same place share one reading. */
  const readings = new Map<string, Promise<HotRange | undefined>>();

  function take(rooms: PushBatch["rooms"]): Promise<void> | null {
    const here = rooms.filter(([conversationId]) => seating.rooms.has(conversationId));
    const missing = here.flatMap(([conversationId, from, to]) => absent(conversationId, from, to));
    if (missing.length === 0) {
      for (const room of here) serve(room);
      return null;
    }
    return entries.load(missing).then(() => {
      for (const room of here) serve(room);
    });
  }

  function absent(conversationId: string, from: number, to: number): { conversationId: string; seq: number }[] {
    const missing: { conversationId: string; seq: number }[] = [];
    for (let seq = from; seq <= to; seq++) if (entries.peek(conversationId, seq) === undefined) missing.push({ conversationId, seq });
    return missing;
  }

  function serve([conversationId, from, to, ended]: PushBatch["rooms"][number]): void {
    const room = seating.rooms.get(conversationId);
    if (room === undefined) return;
    const idle = !isBusy(room);
    const before = room.at ?? 0;
    const repeated = to <= before;
    // It is on its way, or those who lack it are being caught up.
    if (repeated && !idle) return;
    room.at = Math.max(before, to);
    const burst: Entry[] = [];
    const leaving = new Map<string, number>();
    for (let seq = from; seq <= to; seq++) {
      const entry = entries.peek(conversationId, seq);
      if (entry === undefined) return fillAll(room);
      burst.push(entry);
      for (const user of leaversOf(entry)) leaving.getOrInsert(user, seq);
    }
    const push: RoomPush = { from, to, entries: burst, ended: ended === 1, leaving };
    if (idle && room.seats.size <= SMALL && (repeated || restOf(room) <= 0)) {
      if (!repeated) room.servedAt = performance.now();
      const shared = sharedOf(burst);
      const give = (outlet: Outlet) => outlet.publishShared(shared);
      for (const seat of room.seats) serveSeat(seat, push, give);
    } else {
      room.waiting.push(push);
      if (idle) goOn(room);
    }
  }

  /** Gives a busy room its next turn, in its time. */
  function goOn(room: Room): void {
    const rest = room.sweep === null ? restOf(room) : 0;
    const next = () => afterTurn(() => work(room));
    if (rest > 0) setTimeout(next, rest);
    else next();
  }

  function work(room: Room): void {
    if (room.sweep === null) {
      room.servedAt = performance.now();
      room.sweep = sweepOf(room, nextOf(room.waiting));
    }
    if (room.sweep()) room.sweep = null;
    if (isBusy(room)) goOn(room);
  }

  /** Each seat is written to as it is served, so that a turn ends in time: a write may take long where its reader is woken by it. */
  function sweepOf(room: Room, push: RoomPush): () => boolean {
    const seats = room.seats.values();
    const shared = sharedOf(push.entries);
    const give = (outlet: Outlet) => outlet.publishNow(shared);
    return () => {
      const breath = createBreath();
      for (;;) {
        const { value: seat, done } = seats.next();
        if (done === true) return true;
        serveSeat(seat, push, give);
        if (breath.taken()) return false;
      }
    };
  }

  function serveSeat(seat: Seat, { from, to, entries: burst, ended, leaving }: RoomPush, give: (outlet: Outlet) => void): void {
    if (seat.session.outlet === null) seat.session.news?.();
    seat.wanted = Math.max(seat.wanted, to);
    if (seat.at >= to || seat.left || !seat.session.live || seat.filling) return;
    if (seat.at < from - 1 || leaving.has(seat.session.user)) {
      fill(seat);
      return;
    }
    const { outlet } = seat.session;
    // Who was caught up while this waited has some of it.
    const had = seat.at - from + 1;
    seat.at = to;
    if (outlet !== null && had === 0) give(outlet);
    else if (outlet !== null) for (const entry of burst.slice(had)) outlet.publish(seat.channel, eventJson(entry), entry.seq);
    if (ended) seating.end(seat, MODE_CHANGED);
  }

  function fillAll(room: Room): void {
    for (const seat of room.seats) {
      seat.wanted = Math.max(seat.wanted, room.at ?? 0);
      if (seat.session.live) fill(seat);
    }
  }

  function fill(seat: Seat): void {
    if (seat.filling || seat.left || seat.session.gone) return;
    seat.filling = true;
    void fillUp(seat)
      .catch((err: unknown) => {
        logger.warn({ err }, "a reader of a room could not be caught up and is sent to reconnect");
        seat.session.outlet?.close(3010);
      })
      .finally(() => {
        seat.filling = false;
        if (sits(seat) && seat.session.live && seat.at < seat.wanted) fill(seat);
      });
  }

  /** To the newest entry, or to the end of the channel. */
  async function fillUp(seat: Seat): Promise<void> {
    while (sits(seat)) {
      // The inbox may move the seat while this is read, past what it can know.
      const asked = seat.at;
      const range = await following(seat.conversationId, asked);
      if (range === undefined || !sits(seat)) return;
      if (range.head < asked || (range.entries.length === 0 && range.head > seat.at)) {
        seat.session.outlet?.close(3010);
        return;
      }
      for (const entry of range.entries) {
        if (entry.seq !== seat.at + 1) continue;
        seat.at = entry.seq;
        seat.session.outlet?.publish(seat.channel, eventJson(entry), entry.seq);
        if (entry.letter === "o") seating.end(seat, MODE_CHANGED);
        seat.left = leaversOf(entry).includes(seat.session.user);
        if (entry.letter === "o" || seat.left) return;
      }
      if (seat.at >= range.head) return;
    }
  }

  function following(conversationId: string, after: number): Promise<HotRange | undefined> {
    const key = `${conversationId} ${after}`;
    return readings.getOrInsertComputed(key, () => readOn(conversationId, after).finally(() => readings.delete(key)));
  }

  /** The entries after a seq, from every tier; without a hole. */
  async function readOn(conversationId: string, after: number): Promise<HotRange | undefined> {
    const [range] = await hotRanges(hot, [{ conversationId, from: after + 1, to: after + STEP }]);
    if (range === undefined || range.base <= after) return range;
    const older = Array.from({ length: Math.min(range.base - after, STEP) }, (_, i) => ({ conversationId, seq: after + 1 + i }));
    const lookup = await entries.load(older);
    const found = older.map(({ seq }) => lookup(conversationId, seq));
    const hole = found.indexOf(undefined);
    return { ...range, entries: (hole < 0 ? found : found.slice(0, hole)) as Entry[] };
  }

  return {
    take,
    fill,
    brings(conversationId, seq) {
      const room = seating.rooms.get(conversationId);
      return room !== undefined && isBusy(room) && (room.at ?? 0) >= seq;
    },
  };
}

/** True while there is something for seats that not all of them have. */
const isBusy = (room: Room): boolean => room.sweep !== null || room.waiting.length > 0;

/** How long it is until a room may be given something again, ms. */
const restOf = ({ seats, servedAt }: Room): number => servedAt + Math.min(seats.size * REST_A_SEAT, LONGEST_REST) - performance.now();

const sits = (seat: Seat): boolean => !seat.session.gone && seat.session.seats?.get(seat.conversationId) === seat;

const NOBODY: string[] = [];

/** The users whose stay ends with the entry. */
function leaversOf(entry: Entry): string[] {
  if (entry.letter !== "b") return NOBODY;
  const { users, change } = JSON.parse(`{${entry.fields}}`) as { users: string[]; change: string };
  return change === "left" || change === "removed" ? users : NOBODY;
}

const bytesOf = ({ entries }: RoomPush): number => entries.reduce((sum, { fields }) => sum + fields.length, 0);

/** Takes the first of what waits, with what follows it as far as a frame holds it. */
function nextOf(waiting: RoomPush[]): RoomPush {
  const [first] = waiting as [RoomPush];
  const next = { ...first, entries: [...first.entries], leaving: new Map(first.leaving) };
  let count = 1;
  for (let bytes = bytesOf(first); count < waiting.length && !next.ended; count++) {
    const more = waiting[count] as RoomPush;
    bytes += bytesOf(more);
    if (more.from !== next.to + 1 || bytes > MOST_BYTES) break;
    next.to = more.to;
    next.ended = more.ended;
    next.entries.push(...more.entries);
    for (const [user, seq] of more.leaving) next.leaving.getOrInsert(user, seq);
  }
  waiting.splice(0, count);
  return next;
}

const sharedOf = (entries: readonly Entry[]): Shared =>
  new Shared((encoding) =>
    encoding.join(entries.map((entry) => encoding.publication(`conversation:${entry.conversationId}`, eventJson(entry), entry.seq))),
  );
