import { MAX_ANSWER_BYTES, type Positions } from "#shared/wire/values.ts";
import type { Handler, Publication, WatchUser } from "#shared/wire/ports.ts";
import { userState, type UserState } from "#shared/hot/users.ts";
import { channel, channelHeads, channelOf, endOf, inboxOf, isOpen, owed, pastStays, type Channel } from "./channels.ts";
import { beginnings, channelPublications, inboxPublications, pointersBetween, type Reading } from "./missed.ts";

interface SyncParams {
  positions: Positions;
  limit?: number;
  /** seconds */
  wait?: number;
}

interface SyncResult {
  publications: { channel: string; offset: number; data: unknown }[];
  positions: Positions;
  recovered: boolean;
  lost: string[];
  more: boolean;
}

/** An answer while it is made. */
interface Page {
  result: SyncResult;
  left: number;
  bytes: number;
}

/** The pull half of push–pull: what every channel has beyond the given positions, a page at a time, from every tier. */
export function createSync(reading: Reading, watch: WatchUser): Handler {
  return async ({ positions, limit = 50, wait = 0 }: SyncParams, { user }) => {
    const deadline = Date.now() + wait * 1_000;
    if (wait === 0) return syncOnce(reading, user, positions, limit);
    using watching = await watch(user);
    for (;;) {
      const result = await syncOnce(reading, user, positions, limit);
      const remaining = deadline - Date.now();
      // Who does not say where they stand in their inbox starts at its end: waiting would move the start past what comes meanwhile.
      const starts = positions[inboxOf(user)] === undefined;
      if (starts || result.publications.length > 0 || result.lost.length > 0 || remaining <= 0) return result;
      await watching.arrived(remaining);
    }
  };
}

async function syncOnce(reading: Reading, user: string, positions: Positions, limit: number): Promise<SyncResult> {
  const state = await userState(reading.hot, user);
  const page: Page = { result: { publications: [], positions: {}, recovered: true, lost: [], more: false }, left: limit, bytes: 0 };
  const known: Positions = { ...positions };
  await syncInbox(reading, user, state, known, page);
  for (const built of await channelsOf(reading, user, state, known)) await syncChannel(reading, built, known, page);
  page.result.recovered = page.result.lost.length === 0;
  return page.result;
}

async function syncInbox(reading: Reading, user: string, state: UserState, known: Positions, page: Page): Promise<void> {
  const name = inboxOf(user);
  const position = known[name];
  page.result.positions[name] = { epoch: state.epoch, offset: state.offset };
  if (position === undefined) return;
  if ((position.epoch !== "" && position.epoch !== state.epoch) || position.offset > state.offset) {
    page.result.lost.push(name);
    return;
  }
  const to = Math.min(state.offset, position.offset + page.left);
  const placed = await pointersBetween(reading, user, position.offset + 1, to);
  const publications = placed.length === to - position.offset ? await inboxPublications(reading, user, state, placed) : null;
  if (publications === null) {
    page.result.lost.push(name);
    return;
  }
  const end = put(page, name, position.offset, publications);
  page.result.positions[name] = { epoch: state.epoch, offset: end };
  if (end < state.offset) page.result.more = true;
  const heard = placed.filter(({ offset }) => offset <= end);
  for (const { conversationId, seq } of beginnings(heard)) known[channelOf(conversationId)] ??= { epoch: "", offset: seq };
}

async function channelsOf(reading: Reading, user: string, state: UserState, known: Positions): Promise<Channel[]> {
  const records = [...state.records.values()].filter(
    (record) => isOpen(record) || (known[channelOf(record.conversationId)] !== undefined && record.everRead && record.state !== "follower"),
  );
  const heads = await channelHeads(reading.hot, user, records);
  const byId = new Map(records.map((record) => [record.conversationId, record]));
  const found = heads.flatMap((head) => {
    const record = byId.get(head.conversationId);
    return record === undefined ? [] : [{ head, record, position: known[channelOf(head.conversationId)]?.offset }];
  });
  const pasts = await pastStays(reading.hot, user, found);
  return found.map(({ head, record }, i) => channel(record, head, pasts[i] ?? ""));
}

async function syncChannel(reading: Reading, built: Channel, known: Positions, page: Page): Promise<void> {
  const { conversationId, epoch, open } = built;
  const name = channelOf(conversationId);
  const { result } = page;
  const position = known[name];
  const end = { epoch, offset: endOf(built) };
  if (position === undefined) {
    // A channel whose beginning stands in a part of the inbox that this page does not reach starts when that part is read.
    if (open && !result.more) result.positions[name] = end;
    return;
  }
  const pieces = position.epoch === "" || position.epoch === epoch ? owed(built, position.offset) : null;
  if (pieces === null) {
    result.lost.push(name);
    if (open) result.positions[name] = end;
    return;
  }
  let at = position.offset;
  for (const piece of pieces) {
    const to = Math.min(piece.to, piece.from + page.left);
    const publications = await channelPublications(reading, conversationId, piece.from, to);
    if (publications === null) {
      result.lost.push(name);
      if (open) result.positions[name] = end;
      return;
    }
    at = put(page, name, piece.from, publications);
    if (at < piece.to) {
      result.more = true;
      result.positions[name] = { epoch, offset: at };
      return;
    }
  }
  if (open) result.positions[name] = { epoch, offset: at };
}

/** Puts what fits; returns the offset reached. */
function put(page: Page, name: string, from: number, publications: readonly Publication[]): number {
  let at = from;
  for (const { offset, data } of publications) {
    const bytes = Buffer.byteLength(data) + name.length + 48;
    if (page.left === 0 || (page.bytes + bytes > MAX_ANSWER_BYTES - 100_000 && page.result.publications.length > 0)) break;
    page.result.publications.push({ channel: name, offset, data: JSON.parse(data) as unknown });
    page.left--;
    page.bytes += bytes;
    at = offset;
  }
  return at;
}
