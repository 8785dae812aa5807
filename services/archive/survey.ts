import { scanKeys } from "#shared/hot/nodes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { inboxStates, mailboxStates, type InboxState, type MailboxState } from "./tidy.ts";

/** Keys looked at in one call: about a millisecond of Redis' time. */
const SLICE = 500;

/** What a part of a survey of Redis found. */
export interface Slice {
  /** "0": all keys have been seen. */
  cursor: string;
  mailboxes: MailboxState[];
  inboxes: InboxState[];
}

/** Looks at the next few keys of the hot tier. A conversation or user may come twice, as with SCAN. */
export async function surveySlice(hot: Hot, cursor: string): Promise<Slice> {
  const [next, names] = await scanKeys(hot, cursor, SLICE);
  const conversations: string[] = [];
  const users: string[] = [];
  for (const name of names) {
    const [, kind, id = ""] = /^([cu]):\{[^}]+\}:(.+)$/.exec(name) ?? [];
    if (kind === "c") conversations.push(id);
    else if (kind === "u") users.push(id);
  }
  const [mailboxes, inboxes] = await Promise.all([mailboxStates(hot, conversations), inboxStates(hot, users)]);
  return { cursor: next, mailboxes, inboxes };
}

/** Hot entries and pointers, counted. */
export interface HotTotals {
  conversations: number;
  entries: number;
  users: number;
  pointers: number;
}

export const noTotals = (): HotTotals => ({ conversations: 0, entries: 0, users: 0, pointers: 0 });

/** Adds what a slice found. */
export function addTotals(totals: HotTotals, { mailboxes, inboxes }: Slice): void {
  totals.conversations += mailboxes.length;
  totals.users += inboxes.length;
  for (const { seq, base } of mailboxes) totals.entries += seq - base;
  for (const { offset, base } of inboxes) totals.pointers += offset - base;
}

/** Counts all that is hot, slice by slice, so that others are served between. */
export async function countHot(hot: Hot): Promise<HotTotals> {
  const totals = noTotals();
  let cursor = "0";
  do {
    const slice = await surveySlice(hot, cursor);
    addTotals(totals, slice);
    cursor = slice.cursor;
  } while (cursor !== "0");
  return totals;
}
