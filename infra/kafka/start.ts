import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { openKafka } from "#shared/log/kafka.ts";
import { createLogger } from "#shared/run/logger.ts";
import { type JavaChild, startJava } from "../java.ts";
import { freePorts } from "../redis/ready.ts";
import { ensureKafka } from "./install.ts";

export interface KafkaOptions {
  /** A directory of its own, made when missing. */
  dir: string;
  /** Told what takes long. */
  say: (words: string) => void;
}

/** A Kafka of one node as a child process. It ends with this process. */
export interface KafkaChild extends AsyncDisposable {
  /** "host:port" */
  brokers: string;
  pid: () => number;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port; resolves once it answers. */
  start(): Promise<void>;
}

const SERVER = join(import.meta.dirname, "KafkaServer.java");
const START_MS = 120_000;

/** Command line of a Kafka on two ports of 127.0.0.1, the second for its controller. */
export const kafkaCommand = (classes: string, dir: string, port: number, controller: number): string[] => [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-cp",
  join(classes, "*"),
  SERVER,
  dir,
  String(port),
  String(controller),
];

/** Rejects while a Kafka does not answer. */
export async function pingKafka(brokers: string): Promise<void> {
  await using kafka = openKafka(brokers.split(","), createLogger("silent", { role: "stack" }));
  await kafka.topics([]);
}

/** Starts a Kafka in `dir` and resolves once it answers. Rejects with its last words when it does not start. */
export async function startKafka({ dir, say }: KafkaOptions): Promise<KafkaChild> {
  const classes = await ensureKafka(say);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const [port, controller] = (await freePorts(2)) as [number, number];
  const brokers = `127.0.0.1:${port}`;
  let child: JavaChild;

  async function start(): Promise<void> {
    child = startJava(kafkaCommand(classes, dir, port, controller));
    child.process.stdout.resume();
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (child.gone()) throw new Error(`Kafka ended before it answered: ${child.words()}`);
      if (await answers(brokers)) return;
      if (performance.now() > deadline) throw new Error(`Kafka did not answer within ${START_MS / 1_000} s: ${child.words()}`);
      await after(100);
    }
  }

  const end = (signal: NodeJS.Signals): Promise<void> => child.end(signal);

  try {
    await start();
  } catch (error) {
    await end("SIGKILL");
    throw error;
  }
  return { brokers, pid: () => child.process.pid ?? 0, kill: () => end("SIGKILL"), start, [Symbol.asyncDispose]: () => end("SIGTERM") };
}

const answers = (brokers: string): Promise<boolean> =>
  pingKafka(brokers).then(
    () => true,
    () => false,
  );
