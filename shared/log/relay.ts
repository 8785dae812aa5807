import type { Hot } from "#shared/hot/redis.ts";
import { compareStreamIds } from "#shared/hot/progress.ts";
import type { Logger } from "#shared/run/logger.ts";
import { carrierOf, messagesOf } from "./carried.ts";
import type { KafkaClient, KafkaMessage } from "./kafka.ts";
import { COMMITTED } from "./kafka-log.ts";
import type { LogBatch } from "./port.ts";
import { outbox } from "./redis-log.ts";
import { consumeStreams } from "./redis-streams.ts";

/** Bytes of a partition sent at once, beyond which no further entry is added: brokers take a megabyte. */
const MOST_BYTES = 256 * 1024;
/** How often what Kafka has acknowledged leaves the outbox (ms). */
const TRIM = 1_000;

/**
 * Moves the outbox into Kafka: the entries of a partition, in order, into one partition of the topic. Its position is saved after Kafka's acknowledgement, so
 * after a crash some stand there twice; never does one stand there before one that precedes it.
 */
export function startRelay(deps: { hot: Hot; kafka: KafkaClient; partitions: number; logger: Logger }): AsyncDisposable {
  const { hot, kafka, partitions, logger } = deps;
  async function handle({ runs }: LogBatch): Promise<void> {
    for (const messages of chunksOf(runs, partitions)) await kafka.append(COMMITTED, messages);
  }
  const relaying = consumeStreams({ hot, streams: outbox, logger }, { consumer: "relay", handle });

  /**
   * What the fan-out has yet to do stays too: readers of timelines look into the outbox to see whether it concerns them. What the archive has yet to do waits
   * in Kafka only.
   */
  async function trim(): Promise<void> {
    for (const partition of relaying.owned()) {
      const cursors = await hot.redis.mget(outbox.cursor("relay", partition), outbox.cursor("fanout", partition));
      const [slowest = "0-0"] = cursors.map((id) => id ?? "0-0").toSorted(compareStreamIds);
      await hot.redis.xtrim(outbox.stream(partition), "MINID", slowest);
    }
  }
  const trimming = setInterval(() => {
    trim().catch((err: unknown) => logger.debug({ err }, "the outbox is not trimmed while Redis is away"));
  }, TRIM);

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(trimming);
      await relaying[Symbol.asyncDispose]();
    },
  };
}

/** Whole entries in their order, as many at once as brokers take of one partition; what is sent at once a reader gets at once. */
function* chunksOf(runs: LogBatch["runs"], partitions: number): Generator<KafkaMessage[]> {
  let chunk: KafkaMessage[] = [];
  let bytes = new Map<number, number>();
  for (const run of runs) {
    const size = run.lines.reduce((sum, line) => sum + line.length + 1, 0);
    const carrier = carrierOf(run.partition, partitions);
    const sum = (bytes.get(carrier) ?? 0) + size;
    if (sum > MOST_BYTES && chunk.length > 0) {
      yield chunk;
      [chunk, bytes] = [[], new Map([[carrier, size]])];
    } else bytes.set(carrier, sum);
    chunk.push(...messagesOf(run, partitions));
  }
  if (chunk.length > 0) yield chunk;
}
