import { startLoadServer } from "../lean/server.ts";
import { runChat, type Chat } from "./chat.ts";
import { openTributaryChat } from "./chat-sides.ts";
import { cpuOf, treeOf } from "./cpu.ts";
import { type Effort, type Row, spread } from "./row.ts";
import { archived } from "./settled.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;
const ONE = "one process";

interface Side {
  name: string;
  chat: Chat;
  /** The server and all that it started. */
  pid: number;
  atRest: () => Promise<void>;
  rates: number[];
  /** µs of CPU a message, of all processes together. */
  cpu: number[];
}

async function open(stack: AsyncDisposableStack, processes: number): Promise<Side> {
  const server = stack.use(await startLoadServer({ PROCESSES: String(processes) }));
  const chat = await openTributaryChat(server, PAIRS);
  const name = processes === 1 ? ONE : `${processes} processes`;
  return { name, chat, pid: server.process?.pid ?? 0, atRest: () => archived(server), rates: [], cpu: [] };
}

const cpuOfAll = (pid: number): number => [...treeOf(pid).keys()].reduce((sum, one) => sum + cpuOf(one), 0);

/** Row processes: the chat of row a with two serving processes beside one, which is what they cost where cores are few and what they bring where they are not. */
export async function processesRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const [one, two] = [await open(stack, 1), await open(stack, 2)];
  const sides = [one, two];
  for (const { chat, atRest } of sides) {
    await runChat(chat, IN_FLIGHT, quick ? 1 : 3);
    await atRest();
  }
  for (let run = 0; run < runs; run++) {
    for (const { chat, pid, atRest, rates, cpu } of sides) {
      const before = cpuOfAll(pid);
      const { messages, delivered } = await runChat(chat, IN_FLIGHT, quick ? 1.5 : 5);
      rates.push(delivered);
      cpu.push(((cpuOfAll(pid) - before) / messages) * 1e6);
      await atRest();
    }
  }
  return [
    {
      row: "processes",
      name: "1:1 chat, PROCESSES=2",
      unit: "messages/s",
      ours: two.rates,
      references: [{ name: ONE, values: one.rates }],
      target: null,
      notes: sides.map(({ name, cpu }) => `${name}: ${spread(cpu).median.toFixed(0)} µs of CPU a message, stores included`),
    },
  ];
}
