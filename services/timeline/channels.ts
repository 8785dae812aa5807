import { intersect, staysOf, type Stay } from "#shared/hot/member.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { standings, type Standing } from "#shared/hot/standings.ts";
import type { InboxRecord } from "#shared/hot/users.ts";

/**
 * The channel of one conversation as one user's inbox knows it: intervals of seqs that the room delivers instead of the inbox, ascending.
 * Each is open at its lower end: the channel begins at `joined`, its publications are joined < seq ≤ left.
 */
export interface Channel {
  conversationId: string;
  epoch: string;
  /** The last one of an open channel ends with the newest entry, or where the conversation has switched and the inbox does not know yet. */
  intervals: Stay[];
  open: boolean;
  /** Open for the inbox, but by the head it has ended with its last interval: a reader gets no more by it. */
  over: boolean;
}

export const channelOf = (conversationId: string): string => `conversation:${conversationId}`;
export const inboxOf = (user: string): string => `inbox:${user}`;

/** True if the user's inbox says that a channel of the conversation is there now. Feeds have none. */
export const isOpen = (record: InboxRecord): boolean => record.state === "active" && record.readBegin >= 0;

/** The heads of those of the records that have, or had, a channel: feeds never have one. */
export async function channelHeads(hot: Hot, user: string, records: readonly InboxRecord[]): Promise<Standing[]> {
  const heads = await standings(
    hot,
    user,
    records.map(({ conversationId }) => conversationId),
  );
  return heads.filter(({ kind }) => kind !== "f");
}

/** Builds channels from records and heads; `past` are the users' earlier stays where they matter. */
export function channel(record: InboxRecord, standing: Standing, past: string): Channel {
  const { conversationId, epoch } = standing;
  const open = isOpen(record);
  const intervals: Stay[] = [];
  let over = false;
  for (const { joined, left } of intersect(staysOf(standing.member, past), standing.readIntervals)) {
    if (open && joined >= record.readBegin) {
      intervals.push({ joined: record.readBegin, left: Math.min(left, standing.seq) });
      over = left <= standing.seq;
      break;
    }
    // What began after the inbox's own view of the conversation is told by what the inbox gets next.
    if (left <= record.last || (open && left <= record.readBegin)) intervals.push({ joined, left });
  }
  const present = open && intervals.at(-1)?.joined === record.readBegin;
  if (open && !present) intervals.push({ joined: record.readBegin, left: Math.max(record.readBegin, standing.seq) });
  return { conversationId, epoch, intervals, open, over };
}

/**
 * Reads a user's earlier stays, where a reader at these positions may need them: the others get ''. A stay that the inbox still has open may be
 * over in the head, and is an earlier one there.
 */
export async function pastStays(
  hot: Hot,
  user: string,
  wanted: readonly { record: InboxRecord; head: Standing; position: number | undefined }[],
): Promise<string[]> {
  return Promise.all(
    wanted.map(async ({ record, head, position }) => {
      const present = isOpen(record) && head.member !== null && head.member.joinedSeq <= record.readBegin;
      if (present && (position === undefined || position >= record.readBegin)) return "";
      return (await hot.redis.hget(keys.past(record.conversationId), user)) ?? "";
    }),
  );
}

/** Where a fresh reader of an open channel starts. */
export const endOf = ({ intervals }: Channel): number => intervals.at(-1)?.left ?? 0;

/**
 * What a reader at a position is owed: the rest of the interval that the position lies in, and each later one; null if it lies in none.
 * `from` is where the reader stands before each.
 */
export function owed({ intervals }: Channel, position: number): { from: number; to: number }[] | null {
  const at = intervals.findIndex(({ joined, left }) => joined <= position && position <= left);
  if (at < 0) return null;
  return intervals.slice(at).map(({ joined, left }, i) => ({ from: i === 0 ? position : joined, to: left }));
}
