import { setTimeout as after } from "node:timers/promises";
import { PARTITIONS } from "#shared/hot/keys.ts";
import type { Logger } from "#shared/run/logger.ts";
import { type KafkaClient, openKafka } from "./kafka.ts";
import { COMMITTED } from "./kafka-log.ts";
import { PUSH } from "./pushes.ts";
import { SEND } from "./sends.ts";

/** Partitions of each topic: what was committed has those of the outbox. */
const topicsFor = (partitions: number): ReadonlyMap<string, number> =>
  new Map([
    [SEND, partitions],
    [COMMITTED, PARTITIONS],
    [PUSH, partitions],
  ]);
/** Longest wait for Kafka to answer all that a start asks (ms). */
const PATIENCE = 12_000;

/**
 * Asks whether a Kafka answers, and sees that its topics are there with enough partitions.
 * @throws Error of one line that names the setting at fault, the address and the cause, within 12 s
 */
export async function prepareKafka(access: { brokers: readonly string[]; partitions: number }, logger: Logger): Promise<void> {
  const { brokers, partitions } = access;
  const shown = brokers.join(",");
  const kafka = openKafka(brokers, logger);
  const over = new AbortController();
  const late = async (): Promise<never> => {
    await after(PATIENCE, undefined, { signal: over.signal });
    throw new Error(`no answer within ${PATIENCE / 1_000} s`);
  };
  try {
    const wanted = topicsFor(partitions);
    const found = await Promise.race([topicsOf(kafka, wanted), late()]).catch((error: unknown) => {
      throw new Error(`KAFKA_BROKERS names ${shown}, where no Kafka serves: ${causeOf(error)}`);
    });
    for (const [topic, count] of wanted)
      if ((found.get(topic) ?? 0) < count)
        throw new Error(
          `KAFKA_PARTITIONS is ${partitions}, but the topic ${topic} at ${shown} has ${found.get(topic) ?? 0} partitions where ${count} are needed: add partitions to it before anything is sent`,
        );
  } finally {
    over.abort();
    void Promise.allSettled([kafka[Symbol.asyncDispose]()]);
  }
}

/** Creates what is missing. Somebody else may do so at the same moment. */
async function topicsOf(kafka: KafkaClient, wanted: ReadonlyMap<string, number>): Promise<Map<string, number>> {
  const names = [...wanted.keys()];
  const found = await kafka.topics(names);
  const missing = new Map([...wanted].filter(([name]) => !found.has(name)));
  if (missing.size === 0) return found;
  await kafka.create(missing);
  return kafka.topics(names);
}

/** One line. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const [line = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1);
  return line;
}
