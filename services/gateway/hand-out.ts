import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { InboxPushing } from "./inbox-push.ts";
import type { RoomPushing } from "./room-push.ts";
import type { Seating } from "./seats.ts";

interface Named {
  conversationId: string;
  seq: number;
}

/**
 * Hands out batches one after the other, in the turn they come in where all is at hand. What comes while a batch waits for its entries (those
 * committed in another process) waits with it, and then all of it is read in one call.
 */
export function createHandOut(deps: {
  entries: Entries;
  seating: Seating;
  inboxes: InboxPushing;
  rooms: RoomPushing;
  logger: Logger;
}): (batch: PushBatch) => void {
  const { entries, seating, inboxes, rooms, logger } = deps;
  let waiting: PushBatch[] = [];
  let busy = false;

  /** Inboxes first, then rooms: who enters a room by the one must not miss the other. */
  function handOut({ inbox, rooms: entered }: PushBatch): Promise<void> | null {
    const wait = inboxes.take(inbox);
    return wait === null ? rooms.take(entered) : wait.then(() => rooms.take(entered) ?? undefined);
  }

  function needed({ inbox, rooms: entered }: PushBatch): Named[] {
    const named: Named[] = [];
    for (const [user, , pointers] of inbox) {
      if (!seating.users.has(user)) continue;
      for (const pointer of pointers.map(parsePointer)) if (!isEvent(pointer)) named.push(pointer);
    }
    for (const [conversationId, from, to] of entered) {
      if (!seating.rooms.has(conversationId)) continue;
      for (let seq = from; seq <= to; seq++) named.push({ conversationId, seq });
    }
    return named;
  }

  async function safely(work: Promise<unknown> | null): Promise<void> {
    await work?.catch((err: unknown) => logger.warn({ err }, "a push was not handed out; readers find out by their positions"));
  }

  async function work(first: Promise<void>): Promise<void> {
    busy = true;
    await safely(first);
    while (waiting.length > 0) {
      const some = waiting;
      waiting = [];
      if (some.length > 1) await safely(entries.load(some.flatMap(needed)));
      for (const batch of some) {
        const wait = handOut(batch);
        if (wait !== null) await safely(wait);
      }
    }
    busy = false;
  }

  return (batch) => {
    if (busy) {
      waiting.push(batch);
      return;
    }
    const wait = handOut(batch);
    if (wait !== null) void work(wait);
  };
}
