import { join } from "node:path";
import { ensureKafka } from "../kafka/install.ts";
import { kafkaCommand, pingKafka } from "../kafka/start.ts";
import { freePorts } from "../redis/ready.ts";
import type { StackPart } from "./part.ts";

/** A Kafka of one node. */
export const kafkaPart: StackPart = {
  async prepare(dir, before, say) {
    const classes = await ensureKafka(say);
    const known = before?.["KAFKA_BROKERS"]?.split(":")[1];
    const [free, controller] = (await freePorts(2, (port) => String(port) !== known)) as [number, number];
    const port = known === undefined ? free : Number(known);
    const args = kafkaCommand(classes, join(dir, "data"), port, controller);
    return { processes: [{ program: "java", args, env: {} }], settings: { KAFKA_BROKERS: `127.0.0.1:${port}` } };
  },
  answers: (settings) => pingKafka(settings["KAFKA_BROKERS"] ?? ""),
};
