import type { Bus } from "#shared/hot/bus.ts";
import { type Gathered, type Handed, type Outcome, readersUnknown, type Send } from "#shared/hot/commits.ts";
import { addPush, deliverOps, type Recipient } from "#shared/hot/deliveries.ts";
import { createRecipients } from "#shared/hot/recipients.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Waker } from "#shared/run/waker.ts";
import type { PushBatch } from "#shared/wire/record.ts";

/** Inboxes written by one commit, counted once for each conversation: some milliseconds of Redis. What is beyond them is left to the fan-out. */
const MOST_INBOXES = 1_000;

/** What a commit needs to know to hand over what it commits. */
export interface HandOverParts {
  hot: Hot;
  bus: Bus;
  /** Seq up to which the room on this node has been given a conversation; null where there is none. */
  roomAt: (conversationId: string) => number | null;
  archiveInbox: boolean;
  /** Woken when something is left to the fan-out. */
  left: Waker;
  logger: Logger;
}

/**
 * Hands over what is committed without the way through the outbox, where that takes nothing but what the commit knows: copies into the inboxes of
 * small conversations by the script itself, and entries of rooms that have all before them. The outbox says which were, and the fan-out does the rest.
 */
export interface HandOver {
  /** True if the archive is to have rows of what inboxes get. */
  archiveInbox: boolean;
  /** Adds what is known of the readers. */
  gather<One extends Send>(conversations: ReadonlyMap<string, One[]>): Gathered<One>[];
  /** Takes note of an outcome whose pushes are still to come, but before those of any later one. */
  note(conversations: readonly Gathered[], outcome: Outcome): void;
  /** Pushes what the commit has handed over. To be called in the turn of its answer, so that the pushes leave with the answers. */
  push(conversations: readonly Gathered[], outcome: Outcome): void;
}

export function createHandOver({ hot, bus, roomAt, archiveInbox, left, logger }: HandOverParts): HandOver {
  const recipients = createRecipients(hot);
  /** What rooms are about to be given, up to a seq. */
  const coming = new Map<string, number>();

  function gather<One extends Send>(conversations: ReadonlyMap<string, One[]>): Gathered<One>[] {
    let inboxes = 0;
    return Array.from(conversations, ([conversationId, sends]) => {
      // On a cluster inboxes lie in other slots.
      const known = hot.cluster ? null : recipients.peek(conversationId);
      inboxes += known?.users.length ?? 0;
      return {
        conversationId,
        sends,
        roomAt: coming.get(conversationId) ?? roomAt(conversationId),
        recipients: inboxes > MOST_INBOXES ? null : known,
      };
    });
  }

  function note(conversations: readonly Gathered[], outcome: Outcome): void {
    for (const [conversationId, , to] of roomsOf(conversations, outcome)) coming.set(conversationId, to);
  }

  function push(conversations: readonly Gathered[], outcome: Outcome): void {
    const pushes = new Map<string, PushBatch["inbox"]>();
    for (const [user, one] of outcome.written) addPush(pushes, user, one);
    bus.publish(pushes);
    const rooms = roomsOf(conversations, outcome);
    bus.publishRooms(rooms);
    for (const [conversationId, , to] of rooms) if (coming.get(conversationId) === to) coming.delete(conversationId);
    if (outcome.handed.some(isLeft)) left.wake();
    for (const [c, { conversationId }] of conversations.entries()) if (outcome.handed[c] === "stale") recipients.forget(conversationId);
    for (const [conversationId, seq] of repeatedOf(conversations, outcome)) tellAgain(conversationId, seq);
  }

  /** Who committed it the first time may have ended before its pushes: readers are told how far the conversation, or their inbox, is. */
  function tellAgain(conversationId: string, seq: number): void {
    bus.publishRooms([[conversationId, seq, seq, 0]]);
    if (hot.cluster) return;
    readInboxes(conversationId).then(
      (pushes) => bus.publish(pushes),
      (err: unknown) => logger.debug({ err, conversationId }, "readers of a message sent again find it by their positions"),
    );
  }

  async function readInboxes(conversationId: string): Promise<Map<string, PushBatch["inbox"]>> {
    const pushes = new Map<string, PushBatch["inbox"]>();
    const { users } = await recipients.load(conversationId);
    if (users.length === 0) return pushes;
    const nothing = users.map((user): Recipient => [user, []]);
    for (const [i, one] of (await deliverOps(hot, [], nothing, false)).entries()) addPush(pushes, users[i] as string, one);
    return pushes;
  }

  return { archiveInbox, gather, note, push };
}

/** Hands over nothing: all is left to the fan-out. */
export const leftToFanout: HandOver = {
  archiveInbox: false,
  gather: (conversations) => Array.from(conversations, ([conversationId, sends]) => readersUnknown(conversationId, sends)),
  note: () => {},
  push: () => {},
};

const isLeft = (handed: Handed): boolean => handed === "left" || handed === "behind" || handed === "stale";
const seqOf = (result: string): number => Number(result.split(" ")[1]);

/** What the outcome has for rooms. */
function roomsOf(conversations: readonly Gathered[], { results, handed }: Outcome): PushBatch["rooms"] {
  const rooms: PushBatch["rooms"] = [];
  let at = 0;
  for (const [c, { conversationId, sends }] of conversations.entries()) {
    if (handed[c] === "room") {
      const seqs = results.slice(at, at + sends.length).flatMap((result) => (result.startsWith("1 ") ? [seqOf(result)] : []));
      rooms.push([conversationId, seqs[0] as number, seqs.at(-1) as number, 0]);
    }
    at += sends.length;
  }
  return rooms;
}

/** The highest seq of messages committed before, by conversation. */
function repeatedOf(conversations: readonly Gathered[], { results }: Outcome): Map<string, number> {
  const repeated = new Map<string, number>();
  let at = 0;
  for (const { conversationId, sends } of conversations) {
    for (let end = at + sends.length; at < end; at++) {
      const result = results[at] as string;
      if (result.startsWith("2 ")) repeated.set(conversationId, Math.max(seqOf(result), repeated.get(conversationId) ?? 0));
    }
  }
  return repeated;
}
