import { eventJson, messageJson, parseEntry, type Entry } from "#shared/wire/entry.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Handler } from "#shared/wire/ports.ts";
import { Json } from "#shared/wire/json.ts";
import { createRoom, type Room } from "#shared/wire/room.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import { keys } from "#shared/hot/keys.ts";
import { parseMember, type Stay } from "#shared/hot/member.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { readableSpans, spansBetween, withoutHiddenBody, type Span } from "./readable.ts";
import type { Store } from "./store.ts";

export interface HistoryDeps {
  hot: Hot;
  store: Store;
  /** Archived entries older than this many days count as cold. */
  warmDays: number;
}

interface HistoryParams {
  conversationId: string;
  before?: number;
  after?: number;
  limit?: number;
  entries?: boolean;
}

/** Entries looked at in one call at most: a longer stretch without a message to show ends the page, with `more`. */
const MOST_SCANNED = 4_000;
/** Entries read in one step at most. */
const MOST_STEP = 500;
/** Read beyond the limit at first: what follows tells if there is more, and a few entries may be no messages. */
const LOOK_AHEAD = 9;
const ENVELOPE_BYTES = 1_024;
const DAY = 86_400_000;

/** What the hot tier knows at first touch: who may read what, and the end of the conversation that was asked for. */
interface Opening {
  head: number;
  base: number;
  readable: Stay[];
  entries: Entry[];
}

/** An answer while it is made. */
interface Page {
  /** JSON of messages or events, in reading order. */
  items: string[];
  /** Seqs of all that was looked at and shown or rightly passed over. */
  first: number;
  last: number;
  tiers: { hot: number; warm: number; cold: number };
  room: Room;
  more: boolean;
}

/**
 * `message.history`: a page of a conversation from every tier, ascending. Paging on with before = `first` or after = `last` repeats and misses
 * nothing the caller may read. With the archive away it gives what is hot, and refuses with 108 where nothing of the page is.
 * Refuses with 103 those who never were in, with 107 both bounds at once.
 */
export const messageHistory =
  (deps: HistoryDeps): Handler =>
  async (params: HistoryParams, { user }) =>
    answer(await historyPage(deps, user, params), params);

/** JSON of the newest message below a seq that the user may read, from any tier; null if there is none. Refuses as `message.history` does. */
export async function newestBelow(deps: HistoryDeps, user: string, conversationId: string, before: number): Promise<string | null> {
  const { items } = await historyPage(deps, user, { conversationId, before, limit: 1 });
  return items[0] ?? null;
}

async function historyPage({ hot, store, warmDays }: HistoryDeps, user: string, params: HistoryParams): Promise<Page> {
  const { conversationId, before, after, limit = 50, entries = false } = params;
  if (before !== undefined && after !== undefined) throw new Refusal(107, "give before or after, not both");
  const descending = after === undefined;
  const opening = await open(hot, user, conversationId, descending ? (before ?? 0) : after, descending, limit + LOOK_AHEAD);
  const from = descending ? 1 : after + 1;
  const to = descending && before !== undefined ? Math.min(opening.head, before - 1) : opening.head;
  const spans = spansBetween(opening.readable, from, to, descending);
  const page: Page = { items: [], first: 0, last: 0, tiers: { hot: 0, warm: 0, cold: 0 }, room: createRoom(ENVELOPE_BYTES), more: false };
  const coldBefore = Date.now() - warmDays * DAY;
  const source = { store, conversationId, opening, descending, step: limit + LOOK_AHEAD };
  await fill(page, source, spans, (entry, base) => {
    if (!entries && entry.letter !== "m") return "passed";
    if (page.items.length === limit) return "full";
    const json = entries ? eventJson(withoutHiddenBody(entry, opening.readable)) : messageJson(entry);
    if (!page.room.take(json)) return "full";
    page.items.push(json);
    page.tiers[entry.seq > base ? "hot" : timeOf(entry.id) < coldBefore ? "cold" : "warm"]++;
    return "shown";
  });
  return page;
}

async function open(hot: Hot, user: string, conversationId: string, bound: number, descending: boolean, many: number): Promise<Opening> {
  const row = (await hot.run(
    "history",
    [keys.head(conversationId), keys.mailbox(conversationId), keys.past(conversationId)],
    [user, descending ? "before" : "after", bound, many],
  )) as string[];
  const [head, , base, rule, , , own = "", past = "", first, ...texts] = row;
  const readable = row.length === 0 ? [] : readableSpans(parseMember(own), past, rule === "a");
  if (readable.length === 0) throw new Refusal(103);
  return {
    head: Number(head),
    base: Number(base),
    readable,
    entries: texts.map((text, i) => parseEntry(conversationId, Number(first) + i, text)),
  };
}

interface Source {
  store: Store;
  conversationId: string;
  opening: Opening;
  descending: boolean;
  /** Entries to be read at first where they are not at hand. */
  step: number;
}

type Take = (entry: Entry, base: number) => "shown" | "passed" | "full";

/** Walks the spans in reading order until the page is full or they end. */
async function fill(page: Page, source: Source, spans: readonly Span[], take: Take): Promise<void> {
  let scanned = 0;
  let { step } = source;
  for (const { low, high } of spans) {
    let rest: Span = { low, high };
    while (rest.low <= rest.high) {
      const found = await next(page, source, rest, step);
      if (found === null) return;
      for (const entry of found.entries) {
        if (scanned++ === MOST_SCANNED || take(entry, found.base) === "full") {
          page.more = true;
          return;
        }
        cover(page, entry.seq);
      }
      const at = found.entries.at(-1)?.seq;
      if (at === undefined) break;
      rest = source.descending ? { low: rest.low, high: at - 1 } : { low: at + 1, high: rest.high };
      step = Math.min(step * 2, MOST_STEP);
    }
  }
}

function cover(page: Page, seq: number): void {
  page.first = page.first === 0 ? seq : Math.min(page.first, seq);
  page.last = Math.max(page.last, seq);
}

/** The next entries of a span: those at hand, else from the store; null, with `more`, where it is away and the page has something to show. */
async function next(page: Page, { store, conversationId, opening, descending }: Source, span: Span, limit: number) {
  const within = opening.entries.filter(({ seq }) => span.low <= seq && seq <= span.high);
  const nearest = descending ? within.at(-1)?.seq === span.high : within[0]?.seq === span.low;
  if (nearest) return { entries: descending ? within.toReversed() : within, base: opening.base };
  try {
    return await store.entryRange({ conversationId, from: span.low, to: span.high, limit, descending, archived: opening.base });
  } catch (err) {
    if (!(err instanceof Refusal) || err.code !== 108 || page.items.length === 0) throw err;
    page.more = true;
    return null;
  }
}

function answer({ items, first, last, tiers, more }: Page, { after, entries = false }: HistoryParams): Json {
  if (after === undefined) items.reverse();
  const covered = items.length === 0 && !more ? { first: 0, last: 0 } : { first, last };
  const rest = JSON.stringify({ ...covered, tiers, more }).slice(1);
  return new Json(`{"${entries ? "entries" : "messages"}":[${items.join(",")}],${rest}`);
}
