import { setTimeout as after } from "node:timers/promises";
import type { Logger } from "#shared/run/logger.ts";
import { type KafkaClient, openKafka } from "./kafka.ts";
import { COMMITTED } from "./kafka-log.ts";
import { PUSH } from "./pushes.ts";
import { SEND } from "./sends.ts";

const TOPICS = [SEND, COMMITTED, PUSH] as const;
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
    const found = await Promise.race([topicsOf(kafka, partitions), late()]).catch((error: unknown) => {
      throw new Error(`KAFKA_BROKERS names ${shown}, where no Kafka serves: ${causeOf(error)}`);
    });
    for (const [topic, count] of found)
      if (count < partitions)
        throw new Error(
          `KAFKA_PARTITIONS is ${partitions}, but the topic ${topic} at ${shown} has only ${count} partitions: add some to it, or set fewer before anything is sent`,
        );
  } finally {
    over.abort();
    void Promise.allSettled([kafka[Symbol.asyncDispose]()]);
  }
}

/** Creates what is missing. Somebody else may do so at the same moment. */
async function topicsOf(kafka: KafkaClient, partitions: number): Promise<Map<string, number>> {
  const found = await kafka.topics(TOPICS);
  const missing = TOPICS.filter((topic) => !found.has(topic));
  if (missing.length === 0) return found;
  await kafka.create(missing, partitions);
  return kafka.topics(TOPICS);
}

/** One line. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const [line = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1);
  return line;
}
