import { keys, partitions, userStreams } from "#shared/hot/keys.ts";
import { compareStreamIds } from "#shared/hot/progress.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Tail } from "#shared/log/port.ts";

/** A stream the archive consumes: the outbox of a partition, what the inbox scripts wrote, or the changes of relations. */
export interface Stream {
  /** "0" … of an outbox partition, "inbox" or "relations"; on a cluster "inbox-0" … */
  name: string;
  kind: "outbox" | "deliveries" | "relations";
  key: string;
  lease: string;
  cursor: string;
  intent: string;
  /** Of the outbox. */
  partition?: number;
  /** Cursor of the other consumer of the stream, none where the archive is alone. */
  beside: string | null;
  /** True where it is another's to forget what was handled. */
  kept: boolean;
}

/** The streams to be archived. @param relayed the outbox comes by a tail, and the relay trims it */
export function streamsOf(archiveInbox: boolean, relayed = false): readonly Stream[] {
  const outboxes = partitions().map((partition): Stream => ({
    name: String(partition),
    kind: "outbox",
    partition,
    kept: relayed,
    key: keys.outbox(partition),
    lease: keys.lease("archive", partition),
    cursor: keys.cursor("archive", partition),
    intent: keys.intent(partition),
    beside: keys.cursor("fanout", partition),
  }));
  const relations = ofUsers("relations", "relations");
  return archiveInbox ? [...outboxes, ...ofUsers("deliveries", "inbox"), ...relations] : [...outboxes, ...relations];
}

function ofUsers(kind: "deliveries" | "relations", name: string): Stream[] {
  const streams = userStreams(kind);
  return streams.map((stream, i) => ({ ...stream, kind, name: streams.length === 1 ? name : `${name}-${i}`, beside: null, kept: false }));
}

/** One stream entry: the records of one commit, delivery or change. */
export interface StreamEntry {
  stream: Stream;
  /** "ms-n" */
  id: string;
  lines: string[];
}

/** ms at which a stream entry was written. */
export const writtenAt = (id: string): number => Number(id.slice(0, id.indexOf("-")));

type RawEntries = [id: string, fields: string[]][];

interface Wanted {
  stream: Stream;
  after: string;
  until?: string | undefined;
}

/** What stands in the streams behind a cursor, at most `most` entries of each, up to an id (included) where one is given. */
export async function readStreams(hot: Hot, tail: Tail | null, wanted: readonly Wanted[], most: number): Promise<StreamEntry[][]> {
  if (tail === null) return readRedis(hot, wanted, most);
  const relayed = wanted.filter(({ stream }) => stream.kind === "outbox");
  const others = wanted.filter(({ stream }) => stream.kind !== "outbox");
  const [fromTail, fromRedis] = await Promise.all([
    tail.read(
      relayed.map(({ stream: { partition = 0 }, after, until }) => ({ partition, after, until })),
      most,
    ),
    readRedis(hot, others, most),
  ]);
  return wanted.map((one) => {
    const { stream } = one;
    if (stream.kind !== "outbox") return fromRedis[others.indexOf(one)] ?? [];
    return (fromTail[relayed.indexOf(one)] ?? []).map(({ id, lines }) => ({ stream, id, lines }));
  });
}

async function readRedis(hot: Hot, wanted: readonly Wanted[], most: number): Promise<StreamEntry[][]> {
  if (wanted.length === 0) return [];
  const pipeline = hot.pipeline();
  for (const { stream, after, until = "+" } of wanted) pipeline.xrange(stream.key, `(${after}`, until, "COUNT", most);
  const answers = await runPipeline<RawEntries>(pipeline);
  return answers.map((entries, i) =>
    entries.map(([id, fields]) => ({ stream: (wanted[i] as { stream: Stream }).stream, id, lines: (fields[1] ?? "").split("\n") })),
  );
}

interface Pipeline {
  exec(): Promise<[Error | null, unknown][] | null>;
}

/** The answers of a pipeline; throws the first error among them. */
export async function runPipeline<Answer>(pipeline: Pipeline): Promise<Answer[]> {
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, answer]) => {
    if (error !== null) throw error;
    return answer as Answer;
  });
}

/** How far behind a consumer of a stream is. */
export interface Lag {
  name: string;
  /** Stream entries kept, handled ones that others still need included. */
  length: number;
  /** Age of the oldest entry not archived, in seconds; 0 where there is none. */
  seconds: number;
  /** Stream entries not archived, at most. */
  pending: number;
}

/** How far behind the archive is, by stream. */
export async function readLags(hot: Hot, streams: readonly Stream[], now = Date.now()): Promise<Lag[]> {
  const cursors = await runPipeline<string | null>(streams.reduce((pipeline, { cursor }) => pipeline.get(cursor), hot.pipeline()));
  const pipeline = hot.pipeline();
  for (const [i, { key }] of streams.entries())
    pipeline
      .xlen(key)
      .xrange(key, `(${cursors[i] ?? "0-0"}`, "+", "COUNT", 1)
      .xrange(key, "-", "+", "COUNT", 1);
  const answers = await runPipeline<number | RawEntries>(pipeline);
  return streams.map(({ name, kept }, i) => {
    const length = answers[i * 3] as number;
    const next = (answers[i * 3 + 1] as RawEntries)[0]?.[0];
    const first = (answers[i * 3 + 2] as RawEntries)[0]?.[0] ?? "0-0";
    const cursor = cursors[i] ?? "0-0";
    // What was relayed and trimmed is no longer there to say since when it waits: not longer than since the cursor.
    const trimmed = kept && cursor !== "0-0" && compareStreamIds(first, cursor) > 0;
    const oldest = trimmed ? cursor : next;
    const seconds = oldest === undefined ? 0 : Math.max(0, now - writtenAt(oldest)) / 1_000;
    return { name, length, seconds, pending: oldest === undefined ? 0 : length };
  });
}

/** Forgets what every consumer has handled: up to the slowest one's cursor. */
export async function trimStreams(hot: Hot, all: readonly Stream[]): Promise<void> {
  const streams = all.filter(({ kept }) => !kept);
  const asking = hot.pipeline();
  for (const { cursor, beside } of streams) asking.mget(beside === null ? [cursor] : [cursor, beside]);
  const answers = await runPipeline<(string | null)[]>(asking);
  const trimming = hot.pipeline();
  for (const [i, { key }] of streams.entries()) trimming.xtrim(key, "MINID", slowest(answers[i] as (string | null)[]));
  await runPipeline(trimming);
}

const slowest = (cursors: readonly (string | null)[]): string => cursors.map((id) => id ?? "0-0").toSorted(compareStreamIds)[0] ?? "0-0";
