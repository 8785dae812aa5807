import { addMessage } from "#shared/cold/encode.ts";
import { hotRanges, type Entries, type EntryRange } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { createBreath } from "#shared/run/breath.ts";
import type { Entry } from "#shared/wire/entry.ts";
import type { OutboxRecord } from "#shared/wire/record.ts";
import { toRow } from "#shared/wire/rows.ts";
import type { Batch } from "./batch.ts";
import { changesOf } from "./change-rows.ts";
import { runPipeline } from "./streams.ts";

/** Entries read from the hot tier in one call. */
const MOST = 1_000;

type EntryRecord = Extract<OutboxRecord, { type: "entry" }>;
interface Run extends EntryRange {
  modes: ("w" | "r")[];
  ids: string[];
}

/** Consecutive entries of a conversation, in the order of the records. */
function runsOf(records: readonly EntryRecord[]): Run[] {
  const open = new Map<string, Run>();
  const runs: Run[] = [];
  for (const { conversationId, seq, mode, id } of records) {
    const run = open.get(conversationId);
    if (run !== undefined && seq === run.to + 1 && run.modes.length < MOST) {
      run.to = seq;
      run.modes.push(mode);
      run.ids.push(id);
    } else {
      const begun = { conversationId, from: seq, to: seq, modes: [mode], ids: [id] };
      open.set(conversationId, begun);
      runs.push(begun);
    }
  }
  return runs;
}

/** Groups of runs with about `MOST` entries each. */
function* groupsOf(runs: readonly Run[]): Generator<Run[]> {
  let group: Run[] = [];
  let size = 0;
  for (const run of runs) {
    if (size > 0 && size + run.modes.length > MOST) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(run);
    size += run.modes.length;
  }
  if (group.length > 0) yield group;
}

/** Where entries are read: at hand in this process, where they often are, or from the hot tier. */
export interface Source {
  hot: Hot;
  entries: Pick<Entries, "peek">;
}

/** Adds the rows of the entries that the records name to the batch. */
export async function addEntries({ hot, entries }: Source, batch: Batch, records: readonly EntryRecord[]): Promise<void> {
  for (const group of groupsOf(runsOf(records))) {
    const known = group.map((run) => atHand(entries, run));
    const unknown = group.filter((_, i) => known[i] === null);
    const [ranges, heads] = await Promise.all([hotRanges(hot, unknown), headsOf(hot, group)]);
    const read = new Map(unknown.map((run, i) => [run, ranges[i]?.entries ?? []]));
    const changes: Entry[] = [];
    const breath = createBreath();
    for (const [i, run] of group.entries()) {
      if (breath.taken()) await breath.pause();
      const head = heads[i] as Head;
      batch.mailboxes.set(run.conversationId, head.hot);
      const found = known[i] ?? read.get(run) ?? [];
      noteGone(batch, run, found);
      for (const entry of found) {
        addMessage(batch.messages, toRow(entry, head.members, run.modes[entry.seq - run.from] === "r" ? "read" : "write"));
        if (entry.letter === "b" || entry.letter === "u" || entry.letter === "o") changes.push(entry);
      }
    }
    if (changes.length > 0) await changesOf(hot, batch, changes);
  }
}

/** The entries of a run if this process has all of them as they were committed, else null. */
function atHand(entries: Pick<Entries, "peek">, { conversationId, from, ids }: Run): Entry[] | null {
  const found: Entry[] = [];
  for (const [i, id] of ids.entries()) {
    const entry = entries.peek(conversationId, from + i);
    if (entry?.id !== id) return null;
    found.push(entry);
  }
  return found;
}

function noteGone(batch: Batch, { conversationId, from, to }: Run, found: readonly Entry[]): void {
  const first = found[0]?.seq ?? to + 1;
  for (let seq = from; seq <= to; seq++) if (seq < first || seq >= first + found.length) batch.gone.push({ conversationId, seq });
}

interface Head {
  /** Hot entries. */
  hot: number;
  members: number;
}

async function headsOf(hot: Hot, runs: readonly Run[]): Promise<Head[]> {
  const pipeline = hot.pipeline();
  for (const { conversationId } of runs) pipeline.hmget(keys.head(conversationId), "s", "b", "z");
  const rows = await runPipeline<(string | null)[]>(pipeline);
  return rows.map(([seq, base, members]) => ({ hot: Number(seq) - Number(base), members: Number(members) }));
}
