import { compareDecimals } from "#shared/ids/decimals.ts";
import { MAX_RECOVERED_BYTES, MAX_RECOVERED_ENTRIES, MAX_WATCHED, type Position, type Positions } from "#shared/wire/values.ts";
import type { ChannelPart, ChannelState, Publication, Recover, Recovered } from "#shared/wire/ports.ts";
import type { Standing } from "#shared/hot/standings.ts";
import { userState, type InboxRecord, type UserState } from "#shared/hot/users.ts";
import { channel, channelHeads, channelOf, endOf, inboxOf, isOpen, owed, pastStays, type Channel } from "./channels.ts";
import { beginnings, channelPublications, inboxPublications, pointersBetween, type Reading } from "./missed.ts";

/** What one connect reply may still recover. */
interface Budget {
  entries: number;
  bytes: number;
}

/** True if the publications fit, which are then counted. */
function take(budget: Budget, publications: readonly Publication[]): boolean {
  const bytes = publications.reduce((sum, { data }) => sum + Buffer.byteLength(data) + 24, 0);
  if (publications.length > budget.entries || bytes > budget.bytes) return false;
  budget.entries -= publications.length;
  budget.bytes -= bytes;
  return true;
}

const sameEpoch = (position: Position, epoch: string): boolean => position.epoch === "" || position.epoch === epoch;

/** The recovery of a connection: for each channel the complete missed part or none of it (Centrifugo's offset + epoch, with channels that come and go). */
export function createRecovery(reading: Reading): Recover {
  return async (user, here, positions) => {
    const state = await userState(reading.hot, user, here);
    const budget: Budget = { entries: MAX_RECOVERED_ENTRIES, bytes: MAX_RECOVERED_BYTES };
    const inbox = await recoverInbox(reading, user, state, positions, budget);
    const chosen = await chooseChannels(reading, user, state, positions, inbox.begun);
    const channels = [inbox.state];
    for (const one of chosen.watched) {
      const recovered = await recoverChannel(reading, one, budget);
      if (recovered !== null) channels.push(recovered);
    }
    return { channels, unwatched: chosen.unwatched, nodes: state.nodes, connections: state.connections } satisfies Recovered;
  };
}

interface InboxRecovery {
  state: ChannelState;
  /** By conversation, where channels began after the given inbox position. */
  begun: Map<string, number>;
}

async function recoverInbox(
  reading: Reading,
  user: string,
  state: UserState,
  positions: Positions | null,
  budget: Budget,
): Promise<InboxRecovery> {
  const position = positions?.[inboxOf(user)];
  const base = { channel: inboxOf(user), conversationId: null, epoch: state.epoch, wasRecovering: position !== undefined };
  const end = { state: { ...base, recovered: false, parts: [fresh(state.offset)] }, begun: new Map<string, number>() };
  if (position === undefined) return end;
  if (!sameEpoch(position, state.epoch) || position.offset > state.offset) return end;
  for (const { conversationId, readBegin, readOffset } of state.records.values()) {
    if (readBegin >= 0 && readOffset > position.offset) end.begun.set(conversationId, readBegin);
  }
  if (state.offset - position.offset > budget.entries) return end;
  const placed = await pointersBetween(reading, user, position.offset + 1, state.offset);
  for (const { conversationId, seq } of beginnings(placed).toReversed()) end.begun.set(conversationId, seq);
  const publications = placed.length === state.offset - position.offset ? await inboxPublications(reading, user, state, placed) : null;
  if (publications === null || !take(budget, publications)) return end;
  return { state: { ...base, recovered: true, parts: [{ offset: position.offset, publications, ended: false }] }, begun: end.begun };
}

const fresh = (offset: number): ChannelPart => ({ offset, publications: [], ended: false });

interface Chosen {
  channel: Channel;
  /** Where the reader stands; null: starts at the end. */
  from: number | null;
  /** False if the given position is of another life of the channel. */
  known: boolean;
}

async function chooseChannels(reading: Reading, user: string, state: UserState, positions: Positions | null, begun: Map<string, number>) {
  const candidates = [...state.records.values()].filter(
    (record) =>
      isOpen(record) ||
      ((positions?.[channelOf(record.conversationId)] !== undefined || begun.has(record.conversationId)) && mayHaveHad(record)),
  );
  if (candidates.length === 0) return { watched: [], unwatched: [] };
  const heads = new Map((await channelHeads(reading.hot, user, candidates)).map((one) => [one.conversationId, one]));
  const active = candidates.filter((record) => heads.has(record.conversationId)).toSorted((a, b) => byActivity(heads, a, b));
  const unwatched = active.filter(isOpen).slice(MAX_WATCHED);
  const left = new Set(unwatched);
  const wanted = active.filter((record) => !left.has(record));
  const positionOf = ({ conversationId }: InboxRecord) => positions?.[channelOf(conversationId)]?.offset ?? begun.get(conversationId);
  const pasts = await pastStays(
    reading.hot,
    user,
    wanted.map((record) => ({ record, head: heads.get(record.conversationId) as Standing, position: positionOf(record) })),
  );
  const watched = wanted.map((record, i) => choose(record, heads.get(record.conversationId) as Standing, pasts[i] ?? "", positions, begun));
  return { watched, unwatched: unwatched.map((record) => record.conversationId) };
}

const mayHaveHad = (record: InboxRecord): boolean => record.everRead && record.state !== "follower" && record.state !== "ownFeed";

function byActivity(heads: Map<string, Standing>, a: InboxRecord, b: InboxRecord): number {
  const lastId = ({ conversationId }: InboxRecord) => heads.get(conversationId)?.lastId ?? "0";
  return compareDecimals(lastId(b), lastId(a));
}

function choose(record: InboxRecord, standing: Standing, past: string, positions: Positions | null, begun: Map<string, number>): Chosen {
  const built = channel(record, standing, past);
  const position = positions?.[channelOf(record.conversationId)];
  if (position !== undefined) return { channel: built, from: position.offset, known: sameEpoch(position, built.epoch) };
  return { channel: built, from: begun.get(record.conversationId) ?? null, known: true };
}

async function recoverChannel(reading: Reading, { channel: built, from, known }: Chosen, budget: Budget): Promise<ChannelState | null> {
  const { conversationId, epoch, intervals } = built;
  // Nobody sits in a room that has nothing more for them: the inbox goes on with what comes after.
  const open = built.open && !built.over;
  if (intervals.length === 0 || (from === null && !open)) return null;
  const base = { channel: channelOf(conversationId), conversationId, epoch, wasRecovering: from !== null };
  const lost = { ...base, recovered: false, parts: [{ offset: endOf(built), publications: [], ended: !open }] };
  if (from === null || !known) return lost;
  const pieces = owed(built, from);
  if (pieces === null || pieces.reduce((sum, piece) => sum + piece.to - piece.from, 0) > budget.entries) return lost;
  const parts: ChannelPart[] = [];
  for (const [i, piece] of pieces.entries()) {
    const publications = await channelPublications(reading, conversationId, piece.from, piece.to);
    if (publications === null) return lost;
    parts.push({ offset: piece.from, publications, ended: i < pieces.length - 1 || !open });
  }
  if (
    !take(
      budget,
      parts.flatMap(({ publications }) => publications),
    )
  )
    return lost;
  return { ...base, recovered: true, parts };
}
