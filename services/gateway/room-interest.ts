import type { Bus } from "#shared/hot/bus.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Seating } from "./seats.ts";

/** A room without readers is heard of for so long still: many come back (ms). */
const IDLE = 60_000;
const SWEEP = 30_000;

/**
 * Sees to it that this node hears what its rooms get, and nothing of others. A room is followed when its first reader sits down, and from then on its
 * readers miss nothing: what came between their positions and that moment is found by `compare`.
 */
export function keepInterest(deps: {
  bus: Bus;
  seating: Seating;
  /** Compares the readers of a room with the store, and catches up who is behind. */
  compare: (conversationId: string) => Promise<void>;
  logger: Logger;
}): Disposable {
  const { bus, seating, compare, logger } = deps;
  /** Since when a followed room has had no readers, ms; null while it has some. */
  const followed = new Map<string, number | null>();

  function roomOpened(conversationId: string): void {
    const known = followed.has(conversationId);
    followed.set(conversationId, null);
    if (known) return;
    bus
      .follow(conversationId)
      .then(() => compare(conversationId))
      .catch((err: unknown) => {
        followed.delete(conversationId);
        logger.debug({ err, conversationId }, "a room is not followed yet; its readers may miss pushes until they are compared");
      });
  }

  function sweep(): void {
    const now = Date.now();
    for (const conversationId of seating.rooms.keys()) if (!followed.has(conversationId)) roomOpened(conversationId);
    for (const [conversationId, idleSince] of followed) {
      if (seating.rooms.has(conversationId)) continue;
      if (idleSince === null) followed.set(conversationId, now);
      else if (now - idleSince >= IDLE) {
        followed.delete(conversationId);
        bus.unfollow(conversationId);
      }
    }
  }

  seating.roomOpened = roomOpened;
  const timer = setInterval(sweep, SWEEP);
  timer.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}
