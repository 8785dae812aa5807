import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KafkaChild, startKafka } from "#infra/kafka/start.ts";

/** Fetching Kafka takes a minute of a good line, once; starting it takes some seconds (ms). */
export const KAFKA_MS = 300_000;

/** A Kafka of a test file's own, in a directory that goes with it. */
export async function startTestKafka(): Promise<KafkaChild> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-kafka-"));
  const kafka = await startKafka({ dir, say: (words) => void process.stdout.write(`${words}\n`) });
  return {
    ...kafka,
    async [Symbol.asyncDispose]() {
      await kafka[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
