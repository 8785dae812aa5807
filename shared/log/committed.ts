import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { KafkaClient } from "./kafka.ts";
import { COMMITTED, consumeCommitted, groupOf } from "./kafka-log.ts";
import type { Log } from "./port.ts";
import { outbox, redisLog } from "./redis-log.ts";

const consumers = ["fanout", "archive"] as const;

/** The log of what was committed: the outbox itself or, where there is a Kafka, what the relays bring there. */
export function committedLog(deps: { hot: Hot; kafka: KafkaClient | null; logger: Logger }): Log {
  const { hot, kafka, logger } = deps;
  if (kafka === null) return redisLog({ hot, streams: outbox, logger, consumers });
  return {
    consume: (consuming) => consumeCommitted({ hot, kafka, logger }, consuming),
    async lags() {
      const waiting = await Promise.all(
        consumers.map(async (consumer) => {
          const lags = await kafka.lags(groupOf(consumer), COMMITTED);
          return [...lags].map(([partition, records]) => ({ consumer, partition, records }));
        }),
      );
      return waiting.flat().filter(({ partition }) => partition < outbox.count);
    },
  };
}

/** How far the relay into Kafka is behind; Kafka need not answer. */
export const relayLags = (deps: { hot: Hot; logger: Logger }): Pick<Log, "lags"> =>
  redisLog({ ...deps, streams: outbox, consumers: ["relay"] });
