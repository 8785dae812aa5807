import { compareDecimals } from "#shared/ids/decimals.ts";
import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Stay } from "#shared/hot/member.ts";
import { hotPointers } from "#shared/hot/users.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { type Head, type Lane } from "./mixer-merge.ts";
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
  /** Unread seqs that belong to the timeline. */
  rest: Stay[];
  opened: boolean;
  /** True when all that is left is archived. */
  archived: boolean;
}

/** The archived parts of many mailboxes, merged by the archive. */
export interface ArchiveLane extends Lane {
  kind: "archive";
  members: MailboxLane[];
}

export type AnyLane = InboxLane | MailboxLane | ArchiveLane;

/** Events may stand thick between messages: each step reads more of the inbox, up to this many pointers. */
const MOST_POINTERS = 2_000;

/** Reads a lane's next pointers. Refuses with 108 when they are in an archive that is away. */
export async function readInbox({ hot, store }: LaneDeps, lane: InboxLane): Promise<void> {
  if (lane.archived) return readArchivedInbox(store, lane);
  const from = Math.max(1, lane.to - lane.many + 1);
  const { base, first, pointers } = await hotPointers(hot, lane.user, from, lane.to);
  for (let i = pointers.length - 1; i >= 0; i--) {
    const pointer = parsePointer(pointers[i] as string);
    if (isEvent(pointer)) continue;
    const { letter, key, conversationId, seq } = pointer;
    lane.bound = key;
    if (letter === "m") lane.heads.push({ source: "inbox", key, conversationId, seq, offset: first + i });
  }
  lane.to = Math.min(lane.to, Math.max(from - 1, base));
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
 * Reads the next hot heads of many mailboxes in one call.
 * @param before message id, not included; '' where the lanes have been read before or there is no bound
 * @param many entries of each
 */
export async function readMailboxes({ hot }: LaneDeps, lanes: readonly MailboxLane[], before: string, many: number): Promise<void> {
  const rows = (await hot.run(
    "mixer",
    lanes.flatMap(({ conversationId }) => [keys.head(conversationId), keys.mailbox(conversationId)]),
    [
      before,
      many,
      ...lanes.map(({ rest }) =>
        rest.map(({ joined, left }) => `${joined + 1}-${left === Number.POSITIVE_INFINITY ? "" : left}`).join(","),
      ),
    ],
  )) as string[][];
  for (const [i, lane] of lanes.entries()) takeRow(lane, rows[i] as string[]);
}

function takeRow(lane: MailboxLane, [, base, left, oldest = "", ...entries]: string[]): void {
  lane.opened = true;
  const { conversationId } = lane;
  let lowest = 0;
  for (const text of entries) {
    const [seq, id = "", letter] = text.split(" ");
    lowest = Number(seq);
    lane.bound = id;
    if (letter === "m") lane.heads.push({ source: "mailbox", key: id, conversationId, seq: lowest, offset: 0 });
  }
  lane.archived = left === "0";
  lane.rest = clip(lane.rest, lane.archived ? Number(base) : lowest - 1);
  if (lane.rest.length === 0) lane.bound = null;
  else if (lane.archived && oldest !== "" && compareDecimals(oldest, lane.bound ?? "") < 0) lane.bound = oldest;
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
    return { source: "mailbox", key: entry.id, conversationId: entry.conversationId, seq: entry.seq, offset: 0 };
  });
  lane.heads.push(...heads);
  lane.bound = found.length < limit ? null : (heads.at(-1)?.key ?? null);
}
