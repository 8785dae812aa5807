import { compareDecimals } from "#shared/ids/decimals.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { keys } from "#shared/hot/keys.ts";
import { intersect, staysOf, type Stay } from "#shared/hot/member.ts";
import { standings, type Standing } from "#shared/hot/standings.ts";
import { userState, type UserState } from "#shared/hot/users.ts";
import type { Place } from "./mixer-cursor.ts";
import {
  readArchive,
  readInbox,
  readMailboxes,
  type AnyLane,
  type ArchiveLane,
  type InboxLane,
  type LaneDeps,
  type MailboxLane,
} from "./mixer-lanes.ts";
import { choose, HIGHEST, newestFirst, take, type Head, type Rank } from "./mixer-merge.ts";

/** What comes next in a timeline. */
export interface Skeleton {
  /** In order. Fewer than asked for only at the end, or where a store is away. */
  heads: Head[];
  /** True if nothing comes after them. */
  ended: boolean;
  /** Why there are not more, though there may be. */
  away: Refusal | null;
}

export interface Mixer {
  /** Where the walk stands before anything is taken. */
  place: Place;
  /** Takes the next heads. */
  next(count: number): Promise<Skeleton>;
}

export interface MixerOptions {
  user: string;
  /** null: from the newest. */
  place: Place | null;
  /** Heads that will be wanted, for the size of what is read ahead. */
  limit: number;
  /** Message kinds wanted: archived mailboxes are asked for these alone. */
  kinds?: readonly string[] | undefined;
}

interface Mix extends MixerOptions {
  deps: LaneDeps;
  lanes: AnyLane[];
  /** Unread heads of mailboxes are below this id. */
  before: string;
}

/**
 * The skeleton of a user's timeline: the inbox merged with the mailboxes of all conversations that were ever in read mode during a stay of the
 * user, as Twitter's timeline mixer adds at read time what was not fanned out. Heads and keys only; each source is read as far as the merge
 * needs it, hot before archive, the archived parts of all mailboxes in one query.
 */
export async function openMixer(deps: LaneDeps, options: MixerOptions): Promise<Mixer> {
  const { user, limit } = options;
  const state = await userState(deps.hot, user);
  const mailboxes = await readMailboxesOf(deps, user, state);
  const place = options.place ?? firstPlace(state, mailboxes);
  const sameInbox = place.epoch === state.epoch;
  const fresh = options.place === null;
  const before = fresh ? HIGHEST : String(BigInt(place.last.key) + 1n);
  const inbox: InboxLane = {
    kind: "inbox",
    user,
    to: sameInbox ? place.inboxOffset : state.offset,
    archived: false,
    many: limit + 17,
    heads: [],
    bound: before,
  };
  if (inbox.to === 0) inbox.bound = null;
  const lanes: AnyLane[] = [inbox, ...mailboxLanes(mailboxes, place.heads, before)];
  const mix: Mix = { ...options, deps, lanes, before };
  return { place: { ...place, epoch: state.epoch, inboxOffset: inbox.to }, next: (count) => next(mix, fresh ? null : place.last, count) };
}

interface Mailbox {
  head: Standing;
  intervals: Stay[];
}

async function readMailboxesOf({ hot }: LaneDeps, user: string, state: UserState): Promise<Mailbox[]> {
  const ids = [...state.records.values()].filter(({ everRead }) => everRead).map(({ conversationId }) => conversationId);
  const pasts = hot.redis.pipeline();
  for (const id of ids) pasts.hget(keys.past(id), user);
  const [heads, texts] = await Promise.all([standings(hot, user, ids), pasts.exec()]);
  const pastOf = new Map(ids.map((id, i) => [id, texts?.[i]?.[1]]));
  return heads.flatMap((head) => {
    const past = pastOf.get(head.conversationId);
    const intervals = intersect(staysOf(head.member, typeof past === "string" ? past : ""), head.readIntervals);
    return intervals.length === 0 ? [] : [{ head, intervals }];
  });
}

function firstPlace(state: UserState, mailboxes: readonly Mailbox[]): Place {
  return {
    last: { key: HIGHEST, conversationId: "0", seq: 0 },
    inboxOffset: state.offset,
    epoch: state.epoch,
    began: Date.now(),
    heads: new Map(mailboxes.map(({ head }) => [head.conversationId, head.seq])),
  };
}

function mailboxLanes(mailboxes: readonly Mailbox[], view: ReadonlyMap<string, number> | null, bound: string): MailboxLane[] {
  return mailboxes.flatMap(({ head: { conversationId }, intervals }) => {
    const most = view === null ? Number.POSITIVE_INFINITY : (view.get(conversationId) ?? 0);
    const rest = intersect(intervals, [{ joined: 0, left: most }]);
    return rest.length === 0 ? [] : [{ kind: "mailbox", conversationId, rest, opened: false, archived: false, heads: [], bound }];
  });
}

async function next(mix: Mix, last: Rank | null, count: number): Promise<Skeleton> {
  const { lanes } = mix;
  for (;;) {
    const { heads, behind } = choose(lanes, count + 1);
    const away = behind.length === 0 ? null : await readFurther(mix, behind);
    if (behind.length > 0 && away === null) {
      if (last !== null) dropSeen(lanes, last);
      continue;
    }
    const taken = heads.slice(0, count);
    take(lanes, taken);
    return { heads: taken, ended: away === null && heads.length <= count, away };
  }
}

/** Bounds are of ids alone: what stands at the cursor's own key and before it is known to the reader. */
function dropSeen(lanes: readonly AnyLane[], last: Rank): void {
  for (const lane of lanes) lane.heads = lane.heads.filter((head) => newestFirst(last, head) < 0);
}

/** Reads on in the lanes that hold the merge up, in the archive only when nothing hot does. Gives the refusal of a store that is away. */
async function readFurther(mix: Mix, behind: readonly AnyLane[]): Promise<Refusal | null> {
  const hot = behind.filter((lane) => lane.kind !== "archive" && !lane.archived);
  const results = await Promise.allSettled(hot.length > 0 ? readHot(mix, hot) : readCold(mix, behind));
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof Refusal) || result.reason.code !== 108) throw result.reason;
    return result.reason;
  }
  return null;
}

function readHot({ deps, limit, before, lanes }: Mix, behind: readonly AnyLane[]): Promise<void>[] {
  const mailboxes = behind.filter((lane) => lane.kind === "mailbox");
  const [opened, fresh] = [mailboxes.filter((lane) => lane.opened), mailboxes.filter((lane) => !lane.opened)];
  const ahead = Math.min(limit + 1, Math.max(4, Math.ceil((2 * limit) / lanes.length) + 1));
  return [
    ...behind.filter((lane) => lane.kind === "inbox").map((lane) => readInbox(deps, lane)),
    ...(fresh.length > 0 ? [readMailboxes(deps, fresh, before === HIGHEST ? "" : before, ahead)] : []),
    ...(opened.length > 0 ? [readMailboxes(deps, opened, "", limit + 1)] : []),
  ];
}

function readCold(mix: Mix, behind: readonly AnyLane[]): Promise<void>[] {
  const { deps, limit, kinds, lanes } = mix;
  const archives = behind.filter((lane) => lane.kind === "archive");
  if (behind.some((lane) => lane.kind === "mailbox")) archives.push(gather(lanes));
  return [
    ...behind.filter((lane) => lane.kind === "inbox").map((lane) => readInbox(deps, lane)),
    ...archives.map((lane) => readArchive(deps, lane, limit + 1, kinds)),
  ];
}

/** One lane for all mailboxes whose unread part is archived. */
function gather(lanes: AnyLane[]): ArchiveLane {
  const members = lanes.filter((lane) => lane.kind === "mailbox" && lane.archived && lane.bound !== null) as MailboxLane[];
  let highest = "0";
  for (const member of members) {
    if (member.bound !== null && compareDecimals(member.bound, highest) > 0) highest = member.bound;
    member.bound = null;
  }
  const lane: ArchiveLane = { kind: "archive", members, heads: [], bound: highest };
  lanes.push(lane);
  return lane;
}
