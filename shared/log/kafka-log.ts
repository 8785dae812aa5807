import type { Hot } from "#shared/hot/redis.ts";
import { spread } from "#shared/hot/spread.ts";
import { gathered } from "#shared/run/gather.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createOutage } from "#shared/run/outage.ts";
import { carriedOf, carrierOf, Reached, type Carried } from "./carried.ts";
import type { KafkaClient, KafkaMessage } from "./kafka.ts";
import type { Consumer, Consuming, LogBatch } from "./port.ts";
import { persist } from "./persist.ts";
import { outbox } from "./redis-log.ts";

export const COMMITTED = "tributary.committed";
export const groupOf = (consumer: string): string => `tributary-${consumer}`;

/** Lines handled at once, of one partition. */
const MOST_LINES = 4_000;
/** Slices of partitions in one batch. */
const MOST_SLICES = 64;
/** How long the batch under way may take when the consumer ends (ms). */
export const FINISH = 3_000;

interface Slice {
  runs: Carried[];
  lost: AbortSignal;
}

/**
 * Consumes what the relays brought into Kafka, as one of a group. What comes of several partitions at once is handled as one batch. The position is noted
 * in Redis too, as the entry of the outbox that was reached: whoever waits for the fan-out looks there, and what stands in Kafka twice is known by it.
 */
export function consumeCommitted(
  { hot, kafka, partitions, logger }: { hot: Hot; kafka: KafkaClient; partitions: number; logger: Logger },
  { consumer, handle, changed = () => Promise.resolve() }: Consuming,
): Consumer {
  let owned: ReadonlySet<number> = new Set();
  let moved = false;
  const ending = new AbortController();
  const reached = new Map<number, Reached>();
  const outage = createOutage(logger, `the ${consumer} of what was committed`);

  /** Others may have gone on meanwhile. */
  async function look(partitions: Iterable<number>): Promise<void> {
    const unknown = [...partitions].filter((partition) => !reached.has(partition));
    if (unknown.length === 0) return;
    const cursors = await Promise.all(unknown.map((partition) => hot.redis.get(outbox.cursor(consumer, partition))));
    for (const [i, partition] of unknown.entries()) reached.set(partition, new Reached(cursors[i] ?? "0-0"));
  }

  async function handleAll(slices: readonly Slice[]): Promise<void> {
    if (moved) {
      moved = false;
      reached.clear();
      await changed(owned);
    }
    const wanted = slices.filter(({ lost }) => !lost.aborted).flatMap(({ runs }) => runs);
    await look(new Set(wanted.map(({ partition }) => partition)));
    const batch: LogBatch = { runs: [], cursors: new Map() };
    const ends = new Map<number, Reached>();
    for (const run of wanted) {
      const end = ends.getOrInsertComputed(run.partition, () => (reached.get(run.partition) ?? new Reached("0-0")).copy());
      if (end.take(run)) batch.runs.push(run);
    }
    for (const [partition, { id }] of ends) if (id !== reached.get(partition)?.id) batch.cursors.set(partition, id);
    if (batch.runs.length === 0) return;
    await handle(batch);
    const saved = [...batch.cursors];
    if (saved.length > 0)
      await spread(hot, "reach", {
        keys: saved.map(([partition]) => outbox.cursor(consumer, partition)),
        each: 1,
        own: saved.map(([, id]) => id),
      });
    for (const [partition, end] of ends) reached.set(partition, end);
  }

  async function attempt(slices: readonly Slice[]): Promise<void> {
    try {
      await handleAll(slices);
    } catch (error) {
      moved = true;
      throw error;
    }
  }
  const queue = gathered(async (slices: Slice[]): Promise<undefined[]> => {
    await persist(() => attempt(slices), outage, ending.signal);
    return slices.map(() => undefined);
  }, MOST_SLICES);

  const member = kafka.join({
    group: groupOf(consumer),
    topic: COMMITTED,
    from: "earliest",
    grace: FINISH,
    async take(_, messages, lost) {
      for (const runs of slicesOf(messages)) await queue({ runs, lost });
    },
    assigned(carriers) {
      owned = new Set(numbered(outbox.count).filter((partition) => carriers.has(carrierOf(partition, partitions))));
      moved = true;
    },
  });
  return {
    owned: () => owned,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await member[Symbol.asyncDispose]();
    },
  };
}

const numbered = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

function* slicesOf(messages: readonly KafkaMessage[]): Generator<Carried[]> {
  let slice: Carried[] = [];
  let lines = 0;
  for (const message of messages) {
    const run = carriedOf(message);
    slice.push(run);
    lines += run.lines.length;
    if (lines < MOST_LINES) continue;
    yield slice;
    [slice, lines] = [[], 0];
  }
  if (slice.length > 0) yield slice;
}
