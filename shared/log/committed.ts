import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { KafkaClient } from "./kafka.ts";
import { COMMITTED, consumeCommitted, groupOf } from "./kafka-log.ts";
import type { Log } from "./port.ts";
import { outbox, redisLog } from "./redis-log.ts";

const consumers = ["fanout", "archive"] as const;

/** A Kafka, and the partitions of its topics. */
export interface Carrier {
  client: KafkaClient;
  partitions: number;
}

/** The log of what was committed: the outbox itself or, where there is a Kafka, what the relays bring there. */
export function committedLog(deps: { hot: Hot; kafka: Carrier | null; logger: Logger }): Log {
  const { hot, logger } = deps;
  if (deps.kafka === null) return redisLog({ hot, streams: outbox, logger, consumers });
  const { client: kafka, partitions } = deps.kafka;
  return {
    consume: (consuming) => consumeCommitted({ hot, kafka, partitions, logger }, consuming),
    async lags() {
      const waiting = await Promise.all(
        consumers.map(async (consumer) => {
          const lags = await kafka.lags(groupOf(consumer), COMMITTED);
          return [...lags].map(([partition, records]) => ({ consumer, partition, records }));
        }),
      );
      return waiting.flat();
    },
  };
}

/** How far the relay into Kafka is behind; Kafka need not answer. */
export const relayLags = (deps: { hot: Hot; logger: Logger }): Pick<Log, "lags"> =>
  redisLog({ ...deps, streams: outbox, consumers: ["relay"] });
