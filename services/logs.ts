import { committedLog, relayLags } from "#shared/log/committed.ts";
import { kafkaTail } from "#shared/log/kafka-tail.ts";
import type { Log, Tail } from "#shared/log/port.ts";
import { busPushes, kafkaPushes, type LivePushes } from "#shared/log/pushes.ts";
import { kafkaSendLog, redisSendLog, type SendLog } from "#shared/log/sends.ts";
import type { Stores } from "./stores.ts";

/** The logs as this process's stations use them, in Redis or in Kafka. */
export interface Logs {
  committed: Log;
  sends: SendLog;
  /** Where sends may still stand that were accepted under other settings. */
  before: SendLog[];
  pushes: LivePushes;
  /** The archive's way of reading what was committed; null: it reads the streams. */
  archiveTail: () => Tail | null;
  /** What there is to be behind in. */
  measured: Pick<Log, "lags">[];
}

export function openLogs({ hot, bus, kafka, config, logger }: Pick<Stores, "hot" | "bus" | "kafka" | "config" | "logger">): Logs {
  const carrier = kafka === null || config.kafka === null ? null : { client: kafka, partitions: config.kafka.partitions };
  const committed = committedLog({ hot, kafka: carrier, logger });
  const inRedis = redisSendLog({ hot, logger });
  if (carrier === null)
    return { committed, sends: inRedis, before: [], pushes: busPushes(bus), archiveTail: () => null, measured: [committed, inRedis] };
  const { client, partitions } = carrier;
  const sends = kafkaSendLog({ kafka: client, partitions, logger });
  return {
    committed,
    sends,
    before: [inRedis],
    pushes: kafkaPushes({ kafka: client, partitions, logger }),
    archiveTail: () => kafkaTail(client, "archive"),
    measured: [committed, sends, relayLags({ hot, logger })],
  };
}
