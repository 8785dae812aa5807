import { bucketOfUser, SEND_SHARDS } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { gathered } from "#shared/run/gather.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createOutage } from "#shared/run/outage.ts";
import type { KafkaClient } from "./kafka.ts";
import { FINISH, groupOf } from "./kafka-log.ts";
import { persist } from "./persist.ts";
import type { Appender, Consumer, Consuming, Log } from "./port.ts";
import { redisLog, sendStreams } from "./redis-log.ts";

export const SEND = "tributary.send";

/** Sends that were accepted and are to be committed, a line each that begins with the sender; a sender's are in one partition, in the order of their appends. */
export type SendLog = Log & Appender;

export const shardOf = (sender: string, partitions: number): number => bucketOfUser(sender) % partitions;

/** Who commits them. */
const CONSUMER = "send";
/** How often what was committed leaves the streams (ms). */
const TRIM = 1_000;

/** The log of sends in Redis. An append resolves when as many replicas hold it as `REDIS_WAIT` says. */
export function redisSendLog({ hot, logger }: { hot: Hot; logger: Logger }): SendLog {
  const log = redisLog({ hot, streams: sendStreams, logger, consumers: [CONSUMER] });

  async function trim(shards: Iterable<number>): Promise<void> {
    for (const shard of shards) {
      const cursor = await hot.redis.get(sendStreams.cursor(CONSUMER, shard));
      if (cursor !== null) await hot.redis.xtrim(sendStreams.stream(shard), "MINID", cursor);
    }
  }

  return {
    partitions: SEND_SHARDS,
    lags: () => log.lags(),
    async append(lines) {
      await Promise.all(
        [...lines].map(async ([shard, some]) => {
          const held = hot.held(sendStreams.stream(shard));
          await hot.redis.xadd(sendStreams.stream(shard), "*", "r", some.join("\n"));
          await held();
        }),
      );
    },
    consume(consuming) {
      const consumer = log.consume(consuming);
      const trimming = setInterval(() => {
        trim(consumer.owned()).catch((err: unknown) => logger.debug({ err }, "the log of sends is not trimmed while Redis is away"));
      }, TRIM);
      return {
        owned: () => consumer.owned(),
        async [Symbol.asyncDispose]() {
          clearInterval(trimming);
          await consumer[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** The log of sends in Kafka. */
export function kafkaSendLog({ kafka, partitions, logger }: { kafka: KafkaClient; partitions: number; logger: Logger }): SendLog {
  return {
    partitions,
    append: (lines) =>
      kafka.append(
        SEND,
        [...lines].flatMap(([partition, some]) =>
          some.map((value) => ({ partition, key: value.slice(0, value.indexOf(" ")), value, headers: {} })),
        ),
      ),
    async lags() {
      const lags = await kafka.lags(groupOf(CONSUMER), SEND);
      return [...lags].map(([partition, records]) => ({ consumer: CONSUMER, partition, records }));
    },
    consume: (consuming) => consumeSends(kafka, logger, consuming),
  };
}

/** Most messages handled at once, of one partition. */
const MOST = 400;

function consumeSends(kafka: KafkaClient, logger: Logger, { consumer, handle, changed = () => Promise.resolve() }: Consuming): Consumer {
  const ending = new AbortController();
  const outage = createOutage(logger, "committing accepted sends");
  let owned: ReadonlySet<number> = new Set();
  let moved = false;

  interface Slice {
    partition: number;
    lines: string[];
    lost: AbortSignal;
  }
  async function attempt(slices: readonly Slice[]): Promise<void> {
    if (moved) await changed(owned);
    moved = false;
    const runs = slices.filter(({ lost }) => !lost.aborted).map(({ partition, lines }) => ({ partition, id: "0-0", first: 0, lines }));
    if (runs.length > 0) await handle({ runs, cursors: new Map() });
  }
  const queue = gathered(async (slices: Slice[]): Promise<undefined[]> => {
    await persist(() => attempt(slices), outage, ending.signal);
    return slices.map(() => undefined);
  }, 64);

  const member = kafka.join({
    group: groupOf(consumer),
    topic: SEND,
    from: "earliest",
    grace: FINISH,
    async take(partition, messages, lost) {
      for (let from = 0; from < messages.length; from += MOST)
        await queue({ partition, lines: messages.slice(from, from + MOST).map(({ value }) => value), lost });
    },
    assigned(partitions) {
      owned = partitions;
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
