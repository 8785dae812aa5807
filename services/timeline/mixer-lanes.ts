import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import type { Stay } from "#shared/hot/member.ts";
import { mailboxEnds, type MailboxEnd } from "#shared/hot/timelines.ts";
import { hotPointers, type PointerRange } from "#shared/hot/users.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { newestFirst, type Head, type Lane, type Rank } from "./mixer-merge.ts";
import type { Store } from "./store.ts";

export interface LaneDeps {
  hot: Hot;
  store: Store;
  entries: Entries;
}

/** A user's inbox from its newest pointer down: hot, then the archive. */
export interface InboxLane extends Lane {
  kind: "inbox";
  user: string;
  /** Pointers up to this offset are unread. */
  to: number;
  archived: boolean;
  /** Pointers read by the next step. */
  many: number;
}

/** The hot part of one mailbox. */
export interface MailboxLane extends Lane {
  kind: "mailbox";
  conversationId: string;
  /** Entries up to this seq are unread. */
  upTo: number;
  /** Those of them that belong to the timeline, once the mailbox has been read. */
  rest: Stay[];
  /** True when all that is left is archived. */
  archived: boolean;
}

/** The archived parts of many mailboxes, merged by the archive. */
export interface ArchiveLane extends Lane {
  kind: "archive";
  members: MailboxLane[];
}

export type AnyLane = InboxLane | MailboxLane | ArchiveLane;

/** Bounds are of ids alone: what stands at the cursor's own key and before it is known to the reader. */
export function dropSeen(lanes: readonly AnyLane[], last: Rank): void {
  for (const lane of lanes) lane.heads = lane.heads.filter((head) => newestFirst(last, head) < 0);
}

/** Events may stand thick between messages: each step reads more of the inbox, up to this many pointers. */
const MOST_POINTERS = 2_000;

/** Reads a lane's next pointers. Refuses with 108 when they are in an archive that is away. */
export async function readInbox({ hot, store }: LaneDeps, lane: InboxLane): Promise<void> {
  if (lane.archived) return readArchivedInbox(store, lane);
  takePointers(lane, await hotPointers(hot, lane.user, Math.max(1, lane.to - lane.many + 1), lane.to));
}

/** Takes the pointers up to `lane.to` that were read, from `lane.many` before it on or from where the hot part begins. */
export function takePointers(lane: InboxLane, { base, first, pointers }: Pick<PointerRange, "base" | "first" | "pointers">): void {
  for (let i = pointers.length - 1; i >= 0; i--) {
    const pointer = parsePointer(pointers[i] as string);
    if (isEvent(pointer)) continue;
    const { letter, key, conversationId, seq } = pointer;
    lane.bound = key;
    if (letter === "m") lane.heads.push({ source: "inbox", key, conversationId, seq, offset: first + i });
  }
  lane.to = Math.min(lane.to, Math.max(0, lane.to - lane.many, base));
  lane.archived = lane.to <= base;
  lane.many = Math.min(lane.many * 2, MOST_POINTERS);
  if (lane.to === 0) lane.bound = null;
}

async function readArchivedInbox(store: Store, lane: InboxLane): Promise<void> {
  const limit = Math.min(lane.many, 256);
  const pointers = await store.coldPointers(lane.user, lane.to, limit);
  for (const { key, conversationId, seq, offset } of pointers) lane.heads.push({ source: "inbox", key, conversationId, seq, offset });
  const last = pointers.at(-1);
  lane.bound = last === undefined || pointers.length < limit ? null : last.key;
  if (last !== undefined) lane.to = last.offset - 1;
}

const clip = (stays: readonly Stay[], most: number): Stay[] =>
  stays.flatMap(({ joined, left }) => (joined < Math.min(left, most) ? [{ joined, left: Math.min(left, most) }] : []));

/**
 * Reads the next hot entries of many mailboxes in one call.
 * @param entries of each
 */
export async function readMailboxes({ hot }: LaneDeps, user: string, lanes: readonly MailboxLane[], entries: number): Promise<void> {
  const wanted = lanes.map(({ conversationId, upTo }) => ({ conversationId, upTo: Number.isFinite(upTo) ? upTo : null }));
  const laneOf = new Map(lanes.map((lane) => [lane.conversationId, lane]));
  const { ends } = await mailboxEnds(hot, user, wanted, { below: "", floor: "", messages: 0, entries });
  for (const end of ends) {
    takeMailbox(laneOf.get(end.conversationId) as MailboxLane, end, "");
  }
}

/** Takes what was read of a lane's mailbox; what was left out as not new enough has ids below `floor`. */
export function takeMailbox(lane: MailboxLane, { conversationId, part }: MailboxEnd, floor: string): void {
  if (part === null) {
    lane.bound = floor;
    return;
  }
  const { base, belonging, entries, unread, enough, oldest } = part;
  const wanted = clip(belonging, lane.upTo);
  for (const entry of entries) {
    const { id, seq, letter } = entry;
    lane.bound = id;
    if (letter === "m" && wanted.some(({ joined, left }) => joined < seq && seq <= left))
      lane.heads.push({ source: "mailbox", key: id, conversationId, seq, offset: 0, entry });
  }
  lane.upTo = unread;
  lane.rest = clip(wanted, unread);
  lane.archived = (lane.rest.at(-1)?.left ?? 0) <= base;
  if (lane.rest.length === 0) lane.bound = null;
  else if (enough) lane.bound = floor;
  else if (lane.archived && oldest !== "") lane.bound = oldest;
}

/** Reads the next archived messages of all its mailboxes in one query, and keeps them at hand. Refuses with 108 when the archive is away. */
export async function readArchive(
  { store, entries }: LaneDeps,
  lane: ArchiveLane,
  limit: number,
  kinds: readonly string[] | undefined,
): Promise<void> {
  const sources = lane.members.map(({ conversationId, rest }) => ({
    conversationId,
    intervals: rest.map(({ joined, left }): [number, number] => [joined + 1, left]),
  }));
  const page = { sources, beforeId: lane.bound, limit };
  const found = await store.coldMessages(kinds === undefined ? page : { ...page, kinds });
  const heads = found.map((entry): Head => {
    entries.keep(entry);
    return { source: "mailbox", key: entry.id, conversationId: entry.conversationId, seq: entry.seq, offset: 0, entry };
  });
  lane.heads.push(...heads);
  lane.bound = found.length < limit ? null : (heads.at(-1)?.key ?? null);
}
