import { startTestKafka } from "#test/support/kafka.ts";
import { startLoadServer } from "../lean/server.ts";
import { runChat, type Chat } from "./chat.ts";
import { openTributaryChat } from "./chat-sides.ts";
import { cpuOf, treeOf } from "./cpu.ts";
import { type Effort, type Row, spread } from "./row.ts";
import { archived } from "./settled.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;
const STREAMS = "Redis Streams";

interface Side {
  name: string;
  chat: Chat;
  /** The server and all that it started, and Kafka. */
  pids: number[];
  atRest: () => Promise<void>;
  rates: number[];
  /** µs of CPU a message, of all processes together. */
  cpu: number[];
}

const cpuOfAll = (pids: readonly number[]): number =>
  pids.flatMap((pid) => [...treeOf(pid).keys()]).reduce((sum, one) => sum + cpuOf(one), 0);

/** Row kafka: the chat of row a with Kafka as the log beside Redis Streams: two more ways over loopback and a relay for what may wait, and be read by others, outside of Redis. */
export async function kafkaRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const kafka = stack.use(await startTestKafka());
  async function open(name: string, settings: Record<string, string>, beside: number[]): Promise<Side> {
    const server = stack.use(await startLoadServer(settings));
    const chat = await openTributaryChat(server, PAIRS);
    return { name, chat, pids: [server.process?.pid ?? 0, ...beside], atRest: () => archived(server), rates: [], cpu: [] };
  }
  const streams = await open(STREAMS, {}, []);
  const carried = await open("Kafka", { KAFKA_BROKERS: kafka.brokers }, [kafka.pid()]);
  const sides = [streams, carried];
  for (const { chat, atRest } of sides) {
    await runChat(chat, IN_FLIGHT, quick ? 1 : 3);
    await atRest();
  }
  for (let run = 0; run < runs; run++) {
    for (const { chat, pids, atRest, rates, cpu } of sides) {
      const before = cpuOfAll(pids);
      const { messages, delivered } = await runChat(chat, IN_FLIGHT, quick ? 1.5 : 5);
      rates.push(delivered);
      cpu.push(((cpuOfAll(pids) - before) / messages) * 1e6);
      await atRest();
    }
  }
  return [
    {
      row: "kafka",
      name: "1:1 chat, Kafka as the log",
      unit: "messages/s",
      ours: carried.rates,
      references: [{ name: STREAMS, values: streams.rates }],
      target: null,
      notes: sides.map(({ name, cpu }) => `${name}: ${spread(cpu).median.toFixed(0)} µs of CPU a message, stores included`),
    },
  ];
}
