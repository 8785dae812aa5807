import { compareDecimals } from "#shared/ids/decimals.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Place } from "./mixer-cursor.ts";
import {
  dropSeen,
  readArchive,
  readInbox,
  readMailboxes,
  type AnyLane,
  type ArchiveLane,
  type LaneDeps,
  type MailboxLane,
} from "./mixer-lanes.ts";
import { choose, take, type Head, type Rank } from "./mixer-merge.ts";
import { openLanes, type MixerDeps, type MixerOptions, type Opened } from "./mixer-open.ts";

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

interface Mix extends Opened {
  deps: LaneDeps;
  limit: number;
  kinds?: readonly string[] | undefined;
}

/**
 * The skeleton of a user's timeline: the inbox merged with the mailboxes of all conversations that were ever in read mode during a stay of the
 * user, as Twitter's timeline mixer adds at read time what was not fanned out. Each source is read as far as the merge needs it, hot before
 * archive, the archived parts of all mailboxes in one query.
 */
export async function openMixer(deps: MixerDeps, options: MixerOptions): Promise<Mixer> {
  const opened = await openLanes(deps, options);
  const { limit, kinds } = options;
  const mix: Mix = { ...opened, deps, limit, kinds };
  return { place: opened.place, next: (count) => next(mix, options.place === null ? null : opened.place.last, count) };
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

function readHot({ deps, user, limit }: Mix, behind: readonly AnyLane[]): Promise<void>[] {
  const mailboxes = behind.filter((lane) => lane.kind === "mailbox");
  return [
    ...behind.filter((lane) => lane.kind === "inbox").map((lane) => readInbox(deps, lane)),
    ...(mailboxes.length > 0 ? [readMailboxes(deps, user, mailboxes, limit + 1)] : []),
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
