import { messageJson, type Entry } from "#shared/wire/entry.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Handler } from "#shared/wire/ports.ts";
import { Json } from "#shared/wire/json.ts";
import { createRoom, type Room } from "#shared/wire/room.ts";
import type { MessageKind } from "#shared/wire/values.ts";
import { hotRanges, type EntryLookup } from "#shared/hot/entries.ts";
import { after, decodeCursor, encodeCursor, type Place } from "./mixer-cursor.ts";
import { mix, mostMixed, ONE_IN } from "./mix.ts";
import { newestFirst, type Head, type Rank } from "./mixer-merge.ts";
import type { MixerDeps } from "./mixer-open.ts";
import { openMixer, type Mixer } from "./mixer.ts";
import type { Asked, Offer, Source } from "./sources/source.ts";

interface ReadParams {
  cursor?: string | null;
  limit?: number;
  kinds?: MessageKind[];
  /** True: messages of others are mixed in. */
  recommended?: boolean;
}

/** Messages looked at in one call at most, where only some kinds are wanted. */
const MOST_SEEN = 2_000;
/** Heads taken at once where only some kinds are wanted. */
const FEWEST_AT_ONCE = 100;
/** Room in an answer for its envelope and cursor, and for each head in the cursor. */
const ENVELOPE_BYTES = 1_024;
const HEAD_BYTES = 48;

/** A message on its way into an answer. */
interface Item extends Rank {
  /** JSON */
  text: string;
  /** After it. */
  place: Place;
}

/** An answer while it is made. */
interface Page {
  items: Item[];
  room: Room;
  seen: number;
  /** After the last message that was given or passed over. */
  place: Place;
}

/**
 * `timeline.read`: the messages of all the caller's stays, newest first by key, in the stages skeleton → hydrate → rules → mix → present. The first
 * page waits for the fan-out; later ones keep its view by their cursor. With a store away it gives what can be told for certain without it, and
 * refuses with 108 where that is nothing. Refuses a malformed cursor with 107.
 * @param sources whose messages are mixed in where the caller wants them
 */
export function timelineRead(deps: MixerDeps, sources: readonly Source[] = []): Handler {
  return async (params: ReadParams, { user }) => {
    const { cursor = null, limit = 50, kinds } = params;
    const given = cursor === null ? null : decodeCursor(cursor);
    const first = kinds === undefined ? limit : Math.max(limit, FEWEST_AT_ONCE);
    const wanted = sources.filter((source) => source.wanted(params));
    const [mixer, offers] = await Promise.all([
      openMixer(deps, { user, place: given, limit, first, kinds }),
      offersOf(wanted, { user, from: given?.last.key ?? "", most: mostMixed(limit) }),
    ]);
    const page: Page = {
      items: [],
      room: createRoom(ENVELOPE_BYTES + HEAD_BYTES * (mixer.place.heads?.size ?? 0)),
      seen: 0,
      place: mixer.place,
    };
    const only = kinds === undefined ? null : new Set<string>(kinds);
    const ended = await fill(deps, mixer, page, limit, only);
    const extras = await hydrateOffers(deps, page, offers, only);
    const { items, own } = mix<Rank & { text: string }, Rank & { text: string }>(
      page.items,
      extras,
      limit,
      ended ? null : page.place.last.key,
    );
    const cut = own < page.items.length;
    const place = cut ? (page.items[own - 1]?.place ?? mixer.place) : page.place;
    const rest = ended && !cut ? "null" : `"${encodeCursor(place)}"`;
    return new Json(`{"items":[${items.map(({ text }) => text).join(",")}],"cursor":${rest}}`);
  };
}

/** What the sources offer, newest first. */
async function offersOf(sources: readonly Source[], asked: Asked): Promise<Offer[]> {
  if (asked.most === 0) return [];
  return (await Promise.all(sources.map((source) => source.offer(asked)))).flat().toSorted(newestFirst);
}

/** The offers with their bodies, as far as they can be had, are of the kinds wanted, and find room. */
async function hydrateOffers(
  { entries }: MixerDeps,
  { items, room }: Page,
  offers: readonly Offer[],
  kinds: ReadonlySet<string> | null,
): Promise<(Rank & { text: string })[]> {
  if (offers.length === 0 || items.length < ONE_IN - 1) return [];
  const lookup = await entries.load(offers).catch(withoutArchive);
  return offers.flatMap((offer) => {
    const entry = lookup(offer.conversationId, offer.seq);
    if (entry === undefined || !mayStand(entry, kinds)) return [];
    const text = itemOf(offer, entry);
    return room.take(text) ? [{ ...offer, text }] : [];
  });
}

/** What has left the hot tier just now is not waited for: nobody misses it. */
function withoutArchive(err: unknown): EntryLookup {
  if (!(err instanceof Refusal) || err.code !== 108) throw err;
  return () => undefined;
}

/** Fills the page; true if nothing comes after it. */
async function fill(deps: MixerDeps, mixer: Mixer, page: Page, limit: number, kinds: ReadonlySet<string> | null): Promise<boolean> {
  while (page.items.length < limit && page.seen < MOST_SEEN) {
    const wanted = limit - page.items.length;
    const skeleton = await mixer.next(kinds === null ? wanted : Math.max(wanted, FEWEST_AT_ONCE));
    const { lookup, away } = await hydrate(deps, skeleton.heads);
    for (const head of skeleton.heads) {
      const entry = head.entry ?? lookup(head.conversationId, head.seq);
      if (entry === undefined && away !== null) return refuseEmpty(page, away);
      if (entry !== undefined && mayStand(entry, kinds) && !present(page, head, entry, limit)) return false;
      page.place = after(page.place, head);
      page.seen++;
    }
    if (skeleton.ended) return true;
    if (skeleton.away !== null && page.items.length < limit) return refuseEmpty(page, skeleton.away);
  }
  return false;
}

function refuseEmpty(page: Page, away: Refusal): false {
  if (page.items.length === 0) throw away;
  return false;
}

/** Bodies of a skeleton as far as they have not come along, in one read; where the archive is away, of those that are hot. */
async function hydrate({ hot, entries }: MixerDeps, heads: readonly Head[]): Promise<{ lookup: EntryLookup; away: Refusal | null }> {
  const wanted = heads.filter(({ entry }) => entry === undefined);
  try {
    return { lookup: await entries.load(wanted), away: null };
  } catch (err) {
    if (!(err instanceof Refusal) || err.code !== 108) throw err;
    const ranges = wanted.map(({ conversationId, seq }) => ({ conversationId, from: seq, to: seq }));
    for (const range of await hotRanges(hot, ranges)) for (const entry of range.entries) entries.keep(entry);
    return { lookup: (conversationId, seq) => entries.peek(conversationId, seq), away: err };
  }
}

/** The rules: whose stay a message belongs to is in the skeleton already; only now it is known of what kind it is, or that it was lost and another entry has its place. */
function mayStand(entry: Entry, kinds: ReadonlySet<string> | null): boolean {
  if (entry.letter !== "m") return false;
  return kinds === null || kinds.has((JSON.parse(`{${entry.fields}}`) as { kind: string }).kind);
}

/** Puts an item; false if the page is full. */
function present(page: Page, head: Head, entry: Entry, limit: number): boolean {
  if (page.items.length === limit) return false;
  const text = itemOf(head, entry);
  if (!page.room.take(text)) return false;
  const { key, conversationId, seq } = head;
  page.items.push({ key, conversationId, seq, text, place: after(page.place, head) });
  return true;
}

const itemOf = ({ source, key }: Pick<Head | Offer, "source" | "key">, entry: Entry): string =>
  `{"source":"${source}","key":"${key}","message":${messageJson(entry)}}`;
