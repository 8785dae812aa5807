import { compareDecimals } from "#shared/ids/decimals.ts";
import { parseEntry, type Entry } from "#shared/wire/entry.ts";
import { keys, partitions } from "./keys.ts";
import { intersect, parseIntervals, parseMember, staysOf, type Stay } from "./member.ts";
import type { Progress } from "./progress.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";
import { standings } from "./standings.ts";
import { newEpoch } from "./users.ts";

/** Records of one partition that the fan-out had yet to handle, and that may bring the user something. */
export interface Pending {
  partition: number;
  /** Stream id of the last of them. */
  last: string;
  /** Where they only do if the user belongs to one of these conversations; empty: they do. */
  unsure: string[];
}

/** The newest part of one mailbox, as it concerns one user. */
export interface MailboxEnd {
  conversationId: string;
  /** Of the newest entry. */
  seq: number;
  /** null where all entries have ids below the wanted ones. */
  part: MailboxPart | null;
}

export interface MailboxPart {
  /** Entries up to this seq are no longer hot. */
  base: number;
  /** The seqs that belong to the user's timeline and are in no inbox. */
  belonging: Stay[];
  /** Newest first, without a hole. */
  entries: Entry[];
  /** Entries up to this seq are still unread; what lies above and is not given does not matter. */
  unread: number;
  /** True if all unread ones have ids below the wanted ones. */
  enough: boolean;
  /** Id of the oldest hot entry where none is given, else ''. */
  oldest: string;
}

/** The newest parts of the mailboxes of one user. */
export interface MailboxEnds {
  /** What is not given as not new enough has ids below this; '' where nothing was left out. */
  floor: string;
  ends: MailboxEnd[];
}

/** A timeline from its newest end or from a reader's place on, as it was at one moment. */
export interface TimelineEnd {
  /** Pointers up to this offset are no longer hot. */
  base: number;
  epoch: string;
  /** Offset up to which pointers were asked for. */
  to: number;
  /** Offset of the first pointer given. */
  first: number;
  pointers: string[];
  /** Conversations that were ever in read mode for the user. */
  rooms: string[];
  pending: Pending[];
  /** null where the mailboxes are others than the caller thought. */
  mailboxes: MailboxEnds | null;
}

export interface EndWanted {
  /** Where the reader stands in this inbox, if it still has this epoch; null: at its end. */
  place: { epoch: string; offset: number } | null;
  /** Pointers wanted. */
  pointers: number;
  /** Messages of the page. Of mailboxes only what is as new as the one after them in the inbox is wanted. */
  messages: number;
  /** True to be told what the fan-out has yet to do. */
  pending: boolean;
  /** Mailbox entries are below this message id; '' for no such bound. */
  below: string;
  /** Entries of each mailbox. */
  entries: number;
}

/** A mailbox, with the highest seq wanted, if it is not the end. */
export interface MailboxWanted {
  conversationId: string;
  upTo: number | null;
}

const keysOf = ({ conversationId: id }: MailboxWanted): string[] => [keys.head(id), keys.mailbox(id), keys.past(id)];

/**
 * Reads a timeline in one call, if the mailboxes that belong to it are the ones given. On a cluster what the fan-out has yet to do is read first, then
 * the inbox, and the mailboxes are left to another call: so nothing that was committed before can be missing.
 */
export async function timelineEnd(hot: Hot, user: string, wanted: EndWanted, mailboxes: readonly MailboxWanted[]): Promise<TimelineEnd> {
  if (!hot.cluster) return timelineHere(hot, user, wanted, mailboxes);
  const pending = wanted.pending ? await pendingNow(hot) : [];
  return { ...(await timelineHere(hot, user, { ...wanted, pending: false }, [])), pending };
}

/** What the fan-out has yet to do, whomever it concerns. */
async function pendingNow(hot: Hot): Promise<Pending[]> {
  const touched = partitions().flatMap((p) => [keys.outbox(p), keys.cursor("fanout", p)]);
  const found = await spread<string>(hot, "waiting", { keys: touched, each: 2 });
  return found.flatMap((text, partition) => pendingOf(partition, text));
}

async function timelineHere(hot: Hot, user: string, wanted: EndWanted, mailboxes: readonly MailboxWanted[]): Promise<TimelineEnd> {
  const looked = wanted.pending ? partitions() : [];
  const { place, below } = wanted;
  const touched = [keys.user(user), keys.inbox(user), keys.lists(user)];
  touched.push(...looked.map(keys.outbox), ...looked.map((p) => keys.cursor("fanout", p)), ...mailboxes.flatMap(keysOf));
  const args = [newEpoch(), place?.epoch ?? "", place?.offset ?? 0, below, wanted.pointers, wanted.messages, wanted.entries];
  args.push(looked.length, user, mailboxes.map(({ conversationId }) => conversationId).join(" "));
  for (const { upTo } of mailboxes) args.push(upTo ?? "");
  const row = (await hot.run("timeline", touched, args)) as string[];
  const [, base, epoch = "", to, first, rooms = "", pointers = "", ...more] = row;
  const ids = rooms === "" ? [] : rooms.split(" ");
  const [floor = "", ...rows] = more.slice(looked.length);
  return {
    base: Number(base),
    epoch,
    to: Number(to),
    first: Number(first),
    pointers: pointers === "" ? [] : pointers.split("\n"),
    rooms: ids,
    pending: looked.flatMap((partition, i) => pendingOf(partition, more[i] ?? "")),
    mailboxes: more.length > looked.length ? { floor, ends: mailboxesOf(mailboxes, rows) } : null,
  };
}

function pendingOf(partition: number, text: string): Pending[] {
  const [last = "", ...unsure] = text.split(" ");
  return last === "" ? [] : [{ partition, last, unsure }];
}

/**
 * Waits until the user's inbox holds what was pending. False if it lacks nothing of that, so that what was read of it is all.
 * Refuses with 108 after a second.
 */
export async function arrived(hot: Hot, progress: Progress, user: string, pending: readonly Pending[]): Promise<boolean> {
  const unsure = pending.flatMap((one) => one.unsure);
  const mine = new Set(unsure.length === 0 ? [] : await belongingTo(hot, user, unsure));
  const wanted = pending.filter((one) => one.unsure.length === 0 || one.unsure.some((id) => mine.has(id)));
  await Promise.all(wanted.map(({ partition, last }) => progress.reached(partition, last)));
  return wanted.length > 0;
}

/** Those of the conversations that the user is or was a member of. */
async function belongingTo(hot: Hot, user: string, conversationIds: readonly string[]): Promise<string[]> {
  const touched = conversationIds.flatMap((id) => [keys.head(id), keys.past(id)]);
  const belongs = await spread<number>(hot, "concerned", { keys: touched, each: 2, args: [user] });
  return conversationIds.filter((_, i) => belongs[i] === 1);
}

/**
 * Reads the newest hot entries of many mailboxes in one call (on a cluster one a slot). Conversations that do not exist are left out.
 * @param floor message id that entries are not below; '' for no such bound
 * @param messages how many are wanted of all mailboxes together, which may raise the floor; 0: whatever there is
 */
export async function mailboxEnds(
  hot: Hot,
  user: string,
  mailboxes: readonly MailboxWanted[],
  { below, floor, messages, entries }: { below: string; floor: string; messages: number; entries: number },
): Promise<MailboxEnds> {
  if (mailboxes.length === 0) return { floor, ends: [] };
  const upTo = mailboxes.map((one) => one.upTo ?? "");
  // Of one node's mailboxes the script sees all ends; on a cluster they are looked at before.
  const raised = hot.cluster && messages > 0 ? await raisedFloor(hot, user, mailboxes, { below, floor, messages }) : floor;
  const call = { keys: mailboxes.flatMap(keysOf), each: 3, args: [user, below, raised, hot.cluster ? 0 : messages, entries], own: upTo };
  let known = raised;
  const rows = await spread<string>(hot, "mixer", call, (answer) => {
    const [first = "", ...some] = answer as string[];
    known = first;
    return some;
  });
  return { floor: known, ends: mailboxesOf(mailboxes, rows) };
}

/** The floor as mailboxes.inc.lua raises it: the end that comes after a page of ends which certainly are messages of the user's. */
async function raisedFloor(
  hot: Hot,
  user: string,
  mailboxes: readonly MailboxWanted[],
  { below, floor, messages }: { below: string; floor: string; messages: number },
): Promise<string> {
  if (mailboxes.length <= messages) return floor;
  const upTo = new Map(mailboxes.map((one) => [one.conversationId, one.upTo]));
  const heads = await standings(
    hot,
    user,
    mailboxes.map(({ conversationId }) => conversationId),
  );
  const ends = heads.flatMap(({ conversationId, seq, lastId, mode, newest, member }) => {
    const wanted = (upTo.get(conversationId) ?? seq) >= seq && (below === "" || compareDecimals(below, lastId) > 0);
    return wanted && mode === "r" && newest === seq && member !== null && member.joinedSeq < seq ? [lastId] : [];
  });
  const after = ends.toSorted((one, other) => compareDecimals(other, one))[messages];
  return after !== undefined && (floor === "" || compareDecimals(after, floor) > 0) ? after : floor;
}

const mailboxesOf = (mailboxes: readonly MailboxWanted[], rows: readonly string[]): MailboxEnd[] =>
  rows.flatMap((row, i) => (row === "" ? [] : [mailboxEnd(mailboxes[i]?.conversationId ?? "", row)]));

function mailboxEnd(conversationId: string, row: string): MailboxEnd {
  const [head = "", ...texts] = row.split("\n");
  const [seq, base, own, past = "", intervals = "", high, cut, oldest = ""] = head.split("|");
  if (own === undefined) return { conversationId, seq: Number(seq), part: null };
  const highest = Number(high);
  const part: MailboxPart = {
    base: Number(base),
    belonging: intersect(staysOf(parseMember(own), past), parseIntervals(intervals)),
    entries: texts.map((text, i) => parseEntry(conversationId, highest - i, text)),
    unread: highest - texts.length,
    enough: cut === "1",
    oldest,
  };
  return { conversationId, seq: Number(seq), part };
}
