import { hotRanges, type EntryRange } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
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
}

/** Consecutive entries of a conversation, in the order of the records. */
function runsOf(records: readonly EntryRecord[]): Run[] {
  const open = new Map<string, Run>();
  const runs: Run[] = [];
  for (const { conversationId, seq, mode } of records) {
    const run = open.get(conversationId);
    if (run !== undefined && seq === run.to + 1 && run.modes.length < MOST) {
      run.to = seq;
      run.modes.push(mode);
    } else {
      const begun = { conversationId, from: seq, to: seq, modes: [mode] };
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

/** Reads the entries that the records name, and adds their rows to the batch. */
export async function addEntries(hot: Hot, batch: Batch, records: readonly EntryRecord[]): Promise<void> {
  for (const group of groupsOf(runsOf(records))) {
    const [ranges, members] = await Promise.all([hotRanges(hot, group), membersOf(hot, group)]);
    const changes: Entry[] = [];
    for (const [i, { head, base, entries }] of ranges.entries()) {
      const run = group[i] as Run;
      batch.mailboxes.set(run.conversationId, head - base);
      const first = entries[0]?.seq ?? run.to + 1;
      for (let seq = run.from; seq <= run.to; seq++)
        if (seq < first || seq >= first + entries.length) batch.gone.push({ conversationId: run.conversationId, seq });
      for (const entry of entries) {
        batch.messages.push(toRow(entry, members[i] as number, run.modes[entry.seq - run.from] === "r" ? "read" : "write"));
        batch.bytes += entry.fields.length;
        if (entry.letter === "b" || entry.letter === "u" || entry.letter === "o") changes.push(entry);
      }
    }
    if (changes.length > 0) await changesOf(hot, batch, changes);
  }
}

async function membersOf(hot: Hot, runs: readonly Run[]): Promise<number[]> {
  const pipeline = hot.redis.pipeline();
  for (const { conversationId } of runs) pipeline.hget(keys.head(conversationId), "z");
  return (await runPipeline<string | null>(pipeline)).map(Number);
}
