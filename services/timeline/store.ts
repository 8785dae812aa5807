import { fromRow } from "#shared/wire/rows.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Entry } from "#shared/wire/entry.ts";
import type { ColdStore } from "#shared/cold/store.ts";
import type { MailboxPage } from "#shared/cold/messages.ts";
import { hotRanges, type ColdEntries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createColdPages } from "./cold-pages.ts";

/** A stretch of one conversation; both bounds are included. */
export interface Stretch {
  conversationId: string;
  from: number;
  to: number;
  /** How many entries at most: the nearest to `to` when descending, else the nearest to `from`. */
  limit: number;
  descending: boolean;
  /** Entries up to this seq are known to be archived; 0: nothing is known. */
  archived: number;
}

export interface EntryPage {
  /** In the order asked for. Fewer than the limit only where the stretch holds no more. */
  entries: Entry[];
  /** Entries up to this seq came from the archive. */
  base: number;
}

/** A message pointer of an inbox as the archive has it. */
export interface ArchivedPointer {
  offset: number;
  conversationId: string;
  seq: number;
  /** Timeline key. */
  key: string;
}

/**
 * The store service: what hot, warm and cold hold, as if it were in one place. Each read asks the hot tier first: what that no longer had at
 * that moment had been verified in the archive before it was trimmed. Every read refuses with 108 when it needs a store that is away.
 */
export interface Store {
  /** Archived entries by conversation and seq. */
  coldEntries: ColdEntries;
  /** A stretch of a conversation from all tiers. Cold parts may be up to 5 s old. */
  entryRange(stretch: Stretch): Promise<EntryPage>;
  /** Archived messages of many mailboxes, newest first. */
  coldMessages(page: MailboxPage): Promise<Entry[]>;
  /** Archived message pointers of a user up to an offset, newest first. */
  coldPointers(user: string, maxOffset: number, limit: number): Promise<ArchivedPointer[]>;
}

/** Cold pages are read in steps of this many entries, so that readers with different limits share them. */
const COLD_STEP = 64;

export interface StoreDeps {
  hot: Hot;
  /** null where no archive is reached: then only what is hot can be read. */
  cold: ColdStore | null;
  logger?: Logger;
  /** Told of each archived page if it is read or shared with another reader. */
  counted?: (outcome: "read" | "shared") => void;
}

/** Opens the store service over the two stores, which the caller keeps. */
export function createStore({ hot, cold, logger, counted }: StoreDeps): Store {
  async function ask<Row>(read: (archive: ColdStore) => Promise<Row>): Promise<Row> {
    if (cold === null) throw new Refusal(108, "the archive is not reached from here");
    try {
      return await read(cold);
    } catch (err) {
      logger?.warn({ err }, "the archive could not be read");
      throw new Refusal(108, "the archive is away");
    }
  }
  const pages = createColdPages<Entry[]>((entries) => entries.reduce((sum, entry) => sum + entry.fields.length + 200, 0), counted);

  /** The nearest archived entries of a stretch that ends at the base. What lies outside of `from` and `to` is read for others and dropped. */
  async function coldStretch({ conversationId, from, to, limit, descending }: Omit<Stretch, "archived">, base: number): Promise<Entry[]> {
    const many = Math.ceil(limit / COLD_STEP) * COLD_STEP;
    const bounds = descending ? { toSeq: to } : { fromSeq: from, toSeq: base };
    const key = `${conversationId} ${descending ? `down ${to}` : `up ${from} ${base}`} ${many}`;
    const entries = await pages(key, () =>
      ask(async (archive) => (await archive.entryPage({ conversationId, ...bounds, limit: many, descending })).map(fromRow)),
    );
    return entries.filter(({ seq }) => from <= seq && seq <= to).slice(0, limit);
  }

  async function downwards(stretch: Stretch): Promise<EntryPage> {
    const { conversationId, from, to, limit, archived } = stretch;
    if (to <= archived) return { entries: await coldStretch(stretch, archived), base: archived };
    const [row] = await hotRanges(hot, [{ conversationId, from: Math.max(from, to - limit + 1), to }]);
    const { base, entries } = row as { base: number; entries: Entry[] };
    entries.reverse();
    const missing = limit - entries.length;
    if (missing > 0 && from <= base) entries.push(...(await coldStretch({ ...stretch, to: Math.min(to, base), limit: missing }, base)));
    return { entries, base };
  }

  async function upwards(stretch: Stretch): Promise<EntryPage> {
    const { conversationId, to, limit } = stretch;
    const found: Entry[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    for (let from = stretch.from; ;) {
      const many = limit - found.length;
      const [row] = await hotRanges(hot, [{ conversationId, from, to: Math.min(to, from + many - 1) }]);
      const { base, entries } = row as { base: number; entries: Entry[] };
      lowest = Math.min(lowest, base);
      const below = from <= base;
      const archived = below ? await coldStretch({ ...stretch, from, to: Math.min(to, base), limit: many }, base) : [];
      found.push(...archived, ...entries.slice(0, many - archived.length));
      from = Math.max(base, found.at(-1)?.seq ?? 0) + 1;
      if (found.length >= limit || from > to || (!below && entries.length === 0)) break;
    }
    return { entries: found, base: lowest };
  }

  return {
    coldEntries: (wanted) => ask(async (archive) => (await archive.entriesByKeys(wanted)).map(fromRow)),
    entryRange: (stretch) => (stretch.descending ? downwards(stretch) : upwards(stretch)),
    coldMessages: (page) => ask(async (archive) => (await archive.mailboxPage(page)).map(fromRow)),
    coldPointers: (user, maxOffset, limit) =>
      ask(async (archive) => {
        const rows = await archive.inboxPage({ user, beforeKey: null, limit, maxOffset });
        return rows.map((row) => ({ offset: row.offset, conversationId: row.conversation_id, seq: row.seq, key: row.timeline_key }));
      }),
  };
}
