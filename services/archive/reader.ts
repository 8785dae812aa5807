import type { SessionRow } from "#shared/cold/rows.ts";
import { compareStreamIds } from "#shared/hot/progress.ts";
import { spread } from "#shared/hot/spread.ts";
import type { Tail } from "#shared/log/port.ts";
import { parseRecord, type OutboxRecord } from "#shared/wire/record.ts";
import { parseChange } from "#shared/wire/relation-change.ts";
import { bytesOf, emptyBatch, rowsOf, type Batch } from "./batch.ts";
import { addChanges, type TimedRecord } from "./change-rows.ts";
import { addEntries, type Source } from "./entry-rows.ts";
import { addDeliveries } from "./inbox-rows.ts";
import { readStreams, writtenAt, type Stream, type StreamEntry } from "./streams.ts";

/** A batch ends at about so many rows, or bytes of bodies. */
const MOST_ROWS = 50_000;
const MOST_BYTES = 16 * 1024 * 1024;
/** Stream entries asked for at once, of each stream. */
const MOST_ENTRIES = 100;
/** Records whose bodies are read before the size of the batch is looked at again. */
const MOST_RECORDS = 1_000;

/** Where batches are read from. */
export interface Sources extends Source {
  /** The outbox's way here; null: it is read itself. */
  tail: Tail | null;
}

/** Where a reader stands in a stream, and up to where it may go. */
export interface Place {
  stream: Stream;
  /** Stream id handled last. */
  cursor: string;
  /** Stream id at which the batch must end, null where it may take what there is. */
  until: string | null;
}

/** A batch and whether more is waiting behind it. */
export interface Reading {
  batch: Batch;
  more: boolean;
}

/**
 * Reads the next batch from the streams, oldest first. Where some places have an end, the batch is what lies up to these ends, whatever its size,
 * and nothing of the other streams: so it is the batch that was once begun.
 */
export async function readBatch(source: Sources, places: readonly Place[]): Promise<Reading> {
  const batch = emptyBatch();
  const begun = places.filter(({ until }) => until !== null);
  let open = begun.length > 0 ? begun : [...places];
  while (open.length > 0) {
    const wanted = open.map(({ stream, cursor, until }) => ({
      stream,
      after: batch.ends.get(stream) ?? cursor,
      until: until ?? undefined,
    }));
    const read = await readStreams(source.hot, source.tail, wanted, MOST_ENTRIES);
    const full = await addOldestFirst(source, batch, read.flat(), begun.length > 0);
    if (full) return { batch, more: true };
    open = open.filter((_, i) => read[i]?.length === MOST_ENTRIES);
  }
  for (const { stream, until } of begun) batch.ends.set(stream, until as string);
  return { batch, more: begun.length > 0 };
}

/** True if something is behind a cursor, or a batch was begun. */
export async function isWaiting({ hot, tail }: Sources, places: readonly Place[]): Promise<boolean> {
  if (places.some(({ until }) => until !== null)) return true;
  // What was relayed is perhaps on its way here. Of each outbox the last entry stays.
  const relayed = places.filter(({ stream }) => tail !== null && stream.kind === "outbox");
  if (relayed.length > 0) {
    const written = await spread<string>(hot, "ends", { keys: relayed.map(({ stream }) => stream.key), each: 1 });
    if (relayed.some(({ cursor }, i) => compareStreamIds(written[i] as string, cursor) > 0)) return true;
  }
  const others = places.filter((place) => !relayed.includes(place));
  const read = await readStreams(
    hot,
    null,
    others.map(({ stream, cursor }) => ({ stream, after: cursor })),
    1,
  );
  return read.some((entries) => entries.length > 0);
}

/** Adds what the stream entries name, a thousand records at a time. True if the batch was full before their end. */
async function addOldestFirst(source: Source, batch: Batch, entries: StreamEntry[], exact: boolean): Promise<boolean> {
  const queue = entries.toSorted((a, b) => compareStreamIds(a.id, b.id));
  for (let next = 0; next < queue.length;) {
    if (!exact && isFull(batch)) return true;
    const some: StreamEntry[] = [];
    for (let records = 0; next < queue.length && records < MOST_RECORDS; next++) {
      const entry = queue[next] as StreamEntry;
      some.push(entry);
      records += entry.lines.length;
    }
    await addSome(source, batch, some);
  }
  return !exact && isFull(batch);
}

const isFull = (batch: Batch): boolean => rowsOf(batch) >= MOST_ROWS || bytesOf(batch) >= MOST_BYTES;

async function addSome(source: Source, batch: Batch, entries: readonly StreamEntry[]): Promise<void> {
  const records: Extract<OutboxRecord, { type: "entry" }>[] = [];
  const changes: TimedRecord[] = [];
  const deliveries: string[] = [];
  for (const { stream, id, lines } of entries) {
    batch.ends.set(stream, id);
    const at = writtenAt(id);
    if (batch.oldest === 0 || at < batch.oldest) batch.oldest = at;
    if (stream.kind === "deliveries") {
      for (const line of lines) deliveries.push(line);
      continue;
    }
    if (stream.kind === "relations") {
      for (const line of lines) batch.relations.push(parseChange(line));
      continue;
    }
    for (const line of lines) {
      const record = parseRecord(line);
      if (record.type === "entry") records.push(record);
      else if (record.type === "session") batch.sessions.push(sessionRow(record));
      else if (record.type === "created" || record.type === "follow") changes.push({ record, at });
    }
  }
  if (records.length > 0) await addEntries(source, batch, records);
  if (changes.length > 0) await addChanges(source.hot, batch, changes);
  await addDeliveries(batch, deliveries);
}

function sessionRow({ user, session, device, node, at, life }: Extract<OutboxRecord, { type: "session" }>): SessionRow {
  return { user, session, device, node, change: life === 0 ? "connected" : "disconnected", at, duration_ms: life };
}
