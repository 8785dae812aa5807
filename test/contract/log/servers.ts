import type { KafkaChild } from "#infra/kafka/start.ts";
import { committedLog } from "#shared/log/committed.ts";
import { type KafkaClient, openKafka } from "#shared/log/kafka.ts";
import { prepareKafka } from "#shared/log/kafka-start.ts";
import type { Log, LogBatch } from "#shared/log/port.ts";
import { outbox } from "#shared/log/redis-log.ts";
import { startRelay } from "#shared/log/relay.ts";
import { kafkaSendLog, redisSendLog, type SendLog } from "#shared/log/sends.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { startTestKafka } from "#test/support/kafka.ts";

/** The logs of a test file's own, as two processes have them. */
export interface TestLogs extends AsyncDisposable {
  redis: TestHot;
  committed: readonly [Log, Log];
  sends: readonly [SendLog, SendLog];
}

/** Redis Streams as the logs. */
export async function startRedisLogs(): Promise<TestLogs> {
  const redis = await startHot();
  const { hot, logger } = redis;
  const one = () => committedLog({ hot, kafka: null, logger });
  const sends = () => redisSendLog({ hot, logger });
  return { redis, committed: [one(), one()], sends: [sends(), sends()], [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose]() };
}

export interface TestKafkaLogs extends TestLogs {
  kafka: KafkaChild;
  client: KafkaClient;
  relay: { start(): void; stop(): Promise<void> };
}

/** A Kafka as the logs, with a relay. */
export async function startKafkaLogs(): Promise<TestKafkaLogs> {
  await using stack = new AsyncDisposableStack();
  const [redis, kafka] = await Promise.all([startHot(), startTestKafka()]);
  stack.use(kafka);
  stack.use(redis);
  const { hot, logger } = redis;
  await prepareKafka({ brokers: [kafka.brokers], partitions: 8 }, logger);
  const open = () => stack.use(openKafka([kafka.brokers], logger));
  const clients = [open(), open()] as const;
  const [client, other] = clients;
  let relaying: AsyncDisposable | null = startRelay({ hot, kafka: client, partitions: 8, logger });
  const relay = {
    start: () => void (relaying ??= startRelay({ hot, kafka: client, partitions: 8, logger })),
    async stop() {
      await relaying?.[Symbol.asyncDispose]();
      relaying = null;
    },
  };
  stack.defer(() => relay.stop());
  const held = stack.move();
  return {
    redis,
    kafka,
    client,
    relay,
    committed: [
      committedLog({ hot, kafka: { client, partitions: 8 }, logger }),
      committedLog({ hot, kafka: { client: other, partitions: 8 }, logger }),
    ],
    sends: [kafkaSendLog({ kafka: client, partitions: 8, logger }), kafkaSendLog({ kafka: other, partitions: 8, logger })],
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

let named = 0;
/** A word that no other test uses. */
export const fresh = (): string => `t${process.pid}n${++named}`;

/** Writes an entry as the scripts do; gives its id. */
export const write = async ({ hot }: TestHot, partition: number, lines: readonly string[]): Promise<string> =>
  (await hot.redis.xadd(outbox.stream(partition), "*", "r", lines.join("\n"))) ?? "";

/** Lines of an entry about two conversations. */
export const linesOf = (word: string, n: number): string[] => [
  `P 7 ${word}-${n}-0`,
  `P 7 ${word}-${n}-1`,
  `P 15 ${word}-${n}-2`,
  `P 7 ${word}-${n}-3`,
];

/** What a consumer was given, as far as it is a test's own. */
export class Taken {
  readonly word: string;
  readonly byPartition = new Map<number, string[]>();
  constructor(word: string) {
    this.word = word;
  }

  take({ runs }: LogBatch): void {
    for (const { partition, lines } of runs) {
      const own = lines.filter((line) => line.includes(`${this.word}-`));
      if (own.length > 0) this.byPartition.getOrInsertComputed(partition, () => []).push(...own);
    }
  }

  get count(): number {
    return [...this.byPartition.values()].reduce((sum, { length }) => sum + length, 0);
  }
}
