import { startLoadServer } from "../lean/server.ts";
import { startReference } from "../reference/start.ts";
import { runChat, type Chat, type Slice } from "./chat.ts";
import { openReferenceChat, openTributaryChat } from "./chat-sides.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { spread, type Row } from "./result.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;

interface Side {
  name: string;
  chat: Chat;
  server: number;
  redis: number;
  slices: Measured[];
}
interface Measured extends Slice {
  /** µs of CPU a message, in the server and in Redis. */
  serverCpu: number;
  redisCpu: number;
}

async function measure({ chat, server, redis, slices }: Side, seconds: number): Promise<void> {
  const before = [cpuOf(server), cpuOf(redis)];
  const slice = await runChat(chat, IN_FLIGHT, seconds);
  const used = [cpuOf(server), cpuOf(redis)].map((now, i) => ((now - (before[i] as number)) / slice.messages) * 1e6);
  slices.push({ ...slice, serverCpu: used[0] as number, redisCpu: used[1] as number });
}

/** Row a: messages a second that are acknowledged and on both devices of their pair, every one checked. */
export async function chatRow(durability: "fsync" | "everysec", runs: number, seconds: number): Promise<Row> {
  await using reference = await startReference(durability);
  await using server = await startLoadServer({ DURABILITY: durability });
  const pid = server.process?.pid ?? 0;
  const ours: Side = { name: "ours", chat: await openTributaryChat(server, PAIRS), server: pid, redis: redisBelow(pid), slices: [] };
  const bare: Side = {
    name: "reference",
    chat: await openReferenceChat(reference.port, PAIRS),
    server: reference.pid,
    redis: reference.redisPid,
    slices: [],
  };
  for (const side of [bare, ours]) await runChat(side.chat, IN_FLIGHT, Math.min(2, seconds));
  for (let run = 0; run < runs; run++) {
    for (const side of [bare, ours]) await measure(side, seconds);
  }
  return {
    row: "a",
    name: `1:1 chat, ${durability}`,
    unit: "messages/s",
    ours: ours.slices.map(({ delivered }) => delivered),
    reference: bare.slices.map(({ delivered }) => delivered),
    target: { of: "ratio", least: 0.5 },
    notes: [noteOf(ours), noteOf(bare)],
  };
}

function noteOf({ name, slices }: Side): string {
  const middle = (of: (slice: Measured) => number) => spread(slices.map(of)).median;
  const [ack50, ack99] = [middle((slice) => slice.ackLatency.p50), middle((slice) => slice.ackLatency.p99)];
  const [to50, to99] = [middle((slice) => slice.deliveryLatency.p50), middle((slice) => slice.deliveryLatency.p99)];
  return (
    `${name}: ${Math.round(middle((slice) => slice.acked))} acknowledged/s; ms to the answer p50 ${ack50.toFixed(0)} p99 ${ack99.toFixed(0)}, ` +
    `to the peer p50 ${to50.toFixed(0)} p99 ${to99.toFixed(0)}; CPU a message: server ${middle((slice) => slice.serverCpu).toFixed(0)} µs, ` +
    `Redis ${middle((slice) => slice.redisCpu).toFixed(0)} µs; ${slices.reduce((sum, { messages }) => sum + messages, 0)} messages checked`
  );
}
