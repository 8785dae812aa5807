import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { createBreath } from "#shared/run/breath.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { InboxPushing } from "./inbox-push.ts";
import type { RoomPushing } from "./room-push.ts";
import type { Seat, Seating } from "./seats.ts";

/** Every reader's position is compared with the store about this often, ms: a push may have been lost on its way. */
const ROUND = 30_000;
/** And once so often as soon as a node is gone, ms: it may have committed what it did not come to push. */
const HASTY_ROUND = 3_000;
const STEP = 1_000;

export interface PositionChecks extends Disposable {
  /** Compares the readers of a room now; resolves to the seq of its newest entry. */
  checkRoom(conversationId: string): Promise<number>;
  /** Compares all readers soon. */
  hasten(): void;
}

/** Seats of a room that lack something up to its head. */
interface Lacking {
  conversationId: string;
  head: number;
  seats: Seat[];
}

/** Compares positions in the background, a part at a time; who is behind is caught up, whose stream has a new epoch is sent to reconnect (3010). */
export function startPositionChecks(deps: {
  hot: Hot;
  seating: Seating;
  inboxes: InboxPushing;
  rooms: RoomPushing;
  logger: Logger;
}): PositionChecks {
  const { hot, seating, inboxes, rooms, logger } = deps;
  let users: MapIterator<string> = seating.users.keys();
  let conversations: MapIterator<string> = seating.rooms.keys();
  let running = false;
  /** Until when rounds are hasty, by `performance.now()`. */
  let hastyUntil = 0;

  /** What was lacking in the last step may have been on its way: who lacks it still in the next one is caught up. */
  let lacking: Lacking[] = [];

  const some = (from: MapIterator<string>, many: number): string[] => [...from.take(many)];

  async function step(): Promise<void> {
    const round = performance.now() < hastyUntil ? HASTY_ROUND : ROUND;
    const part = (size: number) => Math.ceil((size * STEP) / round);
    const checked = some(users, part(seating.users.size));
    if (checked.length === 0) users = seating.users.keys();
    const heads = some(conversations, part(seating.rooms.size));
    if (heads.length === 0) conversations = seating.rooms.keys();
    const [found] = await Promise.all([
      Promise.all(heads.map(lackingIn)),
      Promise.all(checked.map(checkUser)),
      Promise.all(lacking.map(catchUp)),
    ]);
    lacking = found;
  }

  async function checkUser(user: string): Promise<void> {
    const [offset, epoch] = await hot.redis.hmget(keys.user(user), "o", "e");
    for (const session of seating.users.get(user) ?? []) {
      if (!session.live || session.outlet === null) continue;
      if (epoch !== session.inboxEpoch) session.outlet.close(3010);
      session.inboxWanted = Math.max(session.inboxWanted, Number(offset ?? 0));
      if (session.inboxWanted > session.inboxAt) inboxes.fill(session);
    }
  }

  async function checkRoom(conversationId: string): Promise<number> {
    const found = await lackingIn(conversationId);
    await catchUp(found);
    return found.head;
  }

  async function lackingIn(conversationId: string): Promise<Lacking> {
    const [seq, epoch] = await hot.redis.hmget(keys.head(conversationId), "s", "e");
    const head = Number(seq ?? 0);
    const seats: Seat[] = [];
    const breath = createBreath();
    for (const seat of seating.rooms.get(conversationId)?.seats ?? []) {
      if (breath.taken()) await breath.pause();
      const { session } = seat;
      if (epoch !== seat.epoch) {
        if (session.live) session.outlet?.close(3010);
        continue;
      }
      seat.wanted = Math.max(seat.wanted, head);
      if (session.live && head > seat.at) seats.push(seat);
    }
    return { conversationId, head, seats };
  }

  async function catchUp({ conversationId, head, seats }: Lacking): Promise<void> {
    const breath = createBreath();
    for (const seat of seats) {
      if (breath.taken()) await breath.pause();
      if (head <= seat.at || rooms.brings(conversationId, head)) continue;
      seat.session.news?.();
      rooms.fill(seat);
    }
  }

  const timer = setInterval(() => {
    if (running) return;
    running = true;
    step()
      .catch((err: unknown) => logger.debug({ err }, "positions were not compared"))
      .finally(() => {
        running = false;
      });
  }, STEP);
  timer.unref();
  return {
    checkRoom,
    hasten() {
      users = seating.users.keys();
      conversations = seating.rooms.keys();
      // One more than a round takes: each begins with an empty step.
      hastyUntil = performance.now() + HASTY_ROUND + 2 * STEP;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
