import { join } from "node:path";
import { ensureKafka } from "../kafka/install.ts";
import { kafkaCommand, pingKafka } from "../kafka/start.ts";
import { freePort } from "../redis/ready.ts";
import type { StackPart } from "./part.ts";

/** A Kafka of one node. */
export const kafkaPart: StackPart = {
  async prepare(dir, before, say) {
    const classes = await ensureKafka(say);
    const brokers = before?.["KAFKA_BROKERS"] ?? `127.0.0.1:${await freePort()}`;
    const args = kafkaCommand(classes, join(dir, "data"), Number(brokers.split(":")[1]), await freePort());
    return { processes: [{ program: "java", args, env: {} }], settings: { KAFKA_BROKERS: brokers } };
  },
  answers: (settings) => pingKafka(settings["KAFKA_BROKERS"] ?? ""),
};
