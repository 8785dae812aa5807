import { parseEntry, type Entry } from "#shared/wire/entry.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

export interface EntryRange {
  conversationId: string;
  from: number;
  /** Included. */
  to: number;
}

export interface HotRange {
  /** Seq of the newest entry. */
  head: number;
  /** Entries up to this seq are no longer hot. */
  base: number;
  /** Ascending; those of the range that are hot. */
  entries: Entry[];
}

/** Reads hot entries of many conversations in one call. */
export async function hotRanges(hot: Hot, ranges: readonly EntryRange[]): Promise<HotRange[]> {
  if (ranges.length === 0) return [];
  const rows = await spread<string[]>(hot, "ranges", {
    keys: ranges.flatMap(({ conversationId }) => [keys.head(conversationId), keys.mailbox(conversationId)]),
    each: 2,
    own: ranges.flatMap(({ from, to }) => [from, to]),
  });
  return rows.map((row, i) => {
    const { conversationId } = ranges[i] as EntryRange;
    const first = Number(row[2]);
    return {
      head: Number(row[0]),
      base: Number(row[1]),
      entries: row.slice(3).map((text, k) => parseEntry(conversationId, first + k, text)),
    };
  });
}

/** Reads what the hot tier no longer has: entries by conversation and seq, in any order. Refuses with 108 when the archive is away. */
export type ColdEntries = (wanted: readonly { conversationId: string; seqs: number[] }[]) => Promise<Entry[]>;

/** Recent entries of this process and, behind them, every tier. */
export interface Entries {
  /** The entry if it is at hand, else undefined. */
  peek(conversationId: string, seq: number): Entry | undefined;
  /** Keeps an entry at hand. */
  keep(entry: Entry): void;
  /** Puts the named entries at hand, reading the missing ones in one call a tier. Those that exist nowhere stay away. */
  load(wanted: readonly { conversationId: string; seq: number }[]): Promise<EntryLookup>;
}
export type EntryLookup = (conversationId: string, seq: number) => Entry | undefined;

/** Characters of entries kept at hand, per generation of two. */
const GENERATION = 16 * 1024 * 1024;

/** @param cold reads what is no longer hot; null where there is no archive */
export function createEntries(hot: Hot, cold: ColdEntries | null): Entries {
  let young = new Map<string, Map<number, Entry>>();
  let old = new Map<string, Map<number, Entry>>();
  let size = 0;
  const peek = (conversationId: string, seq: number): Entry | undefined =>
    young.get(conversationId)?.get(seq) ?? old.get(conversationId)?.get(seq);
  const keep = (entry: Entry): void => {
    const some = young.get(entry.conversationId);
    if (some === undefined) young.set(entry.conversationId, new Map([[entry.seq, entry]]));
    else some.set(entry.seq, entry);
    size += entry.fields.length + 200;
    if (size > GENERATION) {
      old = young;
      young = new Map();
      size = 0;
    }
  };
  hot.whenLost(() => {
    young = new Map();
    old = new Map();
    size = 0;
  });
  return {
    peek,
    keep,
    async load(wanted) {
      const missing = new Map<string, number[]>();
      const found = new Map<string, Entry>();
      for (const { conversationId, seq } of wanted) {
        const entry = peek(conversationId, seq);
        if (entry !== undefined) found.set(`${conversationId}:${seq}`, entry);
        else missing.getOrInsertComputed(conversationId, () => []).push(seq);
      }
      if (missing.size > 0) {
        for (const entry of await fromTiers(hot, cold, missing)) {
          keep(entry);
          found.set(`${entry.conversationId}:${entry.seq}`, entry);
        }
      }
      return (conversationId, seq) => found.get(`${conversationId}:${seq}`);
    },
  };
}

async function fromTiers(hot: Hot, cold: ColdEntries | null, missing: Map<string, number[]>): Promise<Entry[]> {
  const ranges = [...missing].flatMap(([conversationId, seqs]) => runsOf(seqs).map(([from, to]) => ({ conversationId, from, to })));
  const found: Entry[] = [];
  const gone = new Map<string, number[]>();
  for (const [i, { base, entries }] of (await hotRanges(hot, ranges)).entries()) {
    for (const entry of entries) found.push(entry);
    const { conversationId, from, to } = ranges[i] as EntryRange;
    for (let seq = from; seq <= Math.min(to, base); seq++) gone.getOrInsertComputed(conversationId, () => []).push(seq);
  }
  if (gone.size > 0 && cold !== null) {
    found.push(...(await cold([...gone].map(([conversationId, seqs]) => ({ conversationId, seqs })))));
  }
  return found;
}

/** Consecutive runs [from, to] of the given seqs. */
export function runsOf(seqs: number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const seq of seqs.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && seq <= run[1] + 1) run[1] = seq;
    else runs.push([seq, seq]);
  }
  return runs;
}
