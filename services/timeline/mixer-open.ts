import {
  mailboxEnds,
  timelineEnd,
  type MailboxEnd,
  type MailboxEnds,
  type MailboxWanted,
  type Pending,
  type TimelineEnd,
} from "#shared/hot/timelines.ts";
import type { Place } from "./mixer-cursor.ts";
import { dropSeen, takeMailbox, takePointers, type AnyLane, type InboxLane, type LaneDeps, type MailboxLane } from "./mixer-lanes.ts";
import { HIGHEST } from "./mixer-merge.ts";
import type { Rooms } from "./rooms.ts";

export interface MixerDeps extends LaneDeps {
  rooms: Rooms;
  /**
   * Waits until the user's inbox holds what was pending; false if it lacked nothing, so that what was read of it is all. Refuses with 108 after 1 s.
   */
  arrived(user: string, pending: readonly Pending[]): Promise<boolean>;
}

export interface MixerOptions {
  user: string;
  /** null: from the newest. */
  place: Place | null;
  /** Heads that will be wanted, for the size of what is read ahead. */
  limit: number;
  /** Heads that will be taken first. */
  first: number;
  /** Message kinds wanted: archived mailboxes are asked for these alone. */
  kinds?: readonly string[] | undefined;
}

/** The lanes of a user's timeline with what is read of them at first. */
export interface Opened {
  user: string;
  lanes: AnyLane[];
  /** Where the walk stands before anything is taken. */
  place: Place;
}

/** Pointers read beyond the messages wanted: events stand between them. */
const LOOK_AHEAD = 17;

/**
 * Opens the lanes with what can be among the first heads: one call, where the mailboxes are those of the user's read before. What the fan-out has yet
 * to do is looked at in the same moment; where it concerns the user, it is waited for and all is read again.
 */
export async function openLanes(deps: MixerDeps, options: MixerOptions): Promise<Opened> {
  const { user, place } = options;
  const end = await readEnd(deps, options, place === null);
  if (end.pending.length === 0 || !(await deps.arrived(user, end.pending))) return opened(options, end);
  return opened(options, await readEnd(deps, options, false));
}

interface WholeEnd extends TimelineEnd {
  mailboxes: MailboxEnds;
}

/** Reads the end of the inbox and of its mailboxes; of other ones than were thought in a second call. */
async function readEnd({ hot, rooms }: MixerDeps, { user, place, limit, first }: MixerOptions, pending: boolean): Promise<WholeEnd> {
  const view = place === null ? null : place.heads;
  const wantedOf = (ids: readonly string[]): MailboxWanted[] =>
    ids.map((conversationId) => ({ conversationId, upTo: view === null ? null : (view.get(conversationId) ?? 0) }));
  const known = rooms.of(user);
  const below = place === null ? "" : beforeOf(place);
  const at = place === null ? null : { epoch: place.epoch, offset: place.inboxOffset };
  const wanted = { place: at, pointers: first + LOOK_AHEAD, messages: first, pending, below, entries: ahead(limit, known.length) };
  const end = await timelineEnd(hot, user, wanted, wantedOf(known));
  if (end.mailboxes !== null) return { ...end, mailboxes: end.mailboxes };
  rooms.keep(user, end.rooms);
  const asked = { below, floor: floorOf(end.pointers, first), messages: first, entries: ahead(limit, end.rooms.length) };
  return { ...end, mailboxes: await mailboxEnds(hot, user, wantedOf(end.rooms), asked) };
}

/** Entries read of each mailbox at first: together about twice what is wanted. */
const ahead = (limit: number, mailboxes: number): number => Math.min(limit + 1, Math.max(4, Math.ceil((2 * limit) / (mailboxes + 1)) + 1));

/** Key of the message that comes after so many of the inbox, as timeline.lua finds it; '' if there are not more. */
function floorOf(pointers: readonly string[], messages: number): string {
  let left = messages;
  for (let i = pointers.length - 1; i >= 0; i--) {
    const pointer = pointers[i] as string;
    if (pointer.startsWith("m ") && left-- === 0) return pointer.slice(pointer.lastIndexOf(" ") + 1);
  }
  return "";
}

const beforeOf = (place: Place): string => String(BigInt(place.last.key) + 1n);

function opened({ user, place, first }: MixerOptions, end: WholeEnd): Opened {
  const before = place === null ? HIGHEST : beforeOf(place);
  const view = place === null ? null : place.heads;
  const inbox: InboxLane = {
    kind: "inbox",
    user,
    to: end.to,
    archived: false,
    many: first + LOOK_AHEAD,
    heads: [],
    bound: end.to === 0 ? null : before,
  };
  takePointers(inbox, end);
  const lanes: AnyLane[] = [inbox];
  for (const one of end.mailboxes.ends) {
    const { conversationId } = one;
    const upTo = view === null ? one.seq : Math.min(one.seq, view.get(conversationId) ?? 0);
    const lane: MailboxLane = { kind: "mailbox", conversationId, upTo, rest: [], archived: false, heads: [], bound: before };
    takeMailbox(lane, one, end.mailboxes.floor);
    if (lane.bound !== null || lane.heads.length > 0) lanes.push(lane);
  }
  if (place !== null) dropSeen(lanes, place.last);
  const stands = place ?? firstPlace(end.mailboxes.ends);
  return { user, lanes, place: { ...stands, epoch: end.epoch, inboxOffset: end.to } };
}

function firstPlace(ends: readonly MailboxEnd[]): Omit<Place, "epoch" | "inboxOffset"> {
  const belonging = ends.filter(({ part }) => part === null || part.belonging.length > 0);
  return {
    last: { key: HIGHEST, conversationId: "0", seq: 0 },
    began: Date.now(),
    heads: new Map(belonging.map(({ conversationId, seq }) => [conversationId, seq])),
  };
}
