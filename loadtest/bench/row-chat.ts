import { setTimeout as after } from "node:timers/promises";
import { readMetrics } from "../lean/metrics.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { startReference } from "../reference/start.ts";
import { runChat, type Chat, type Slice } from "./chat.ts";
import { openReferenceChat, openTributaryChat } from "./chat-sides.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { spread, type Row } from "./result.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;
/** Slices of a run, in turn with the reference's: what else the machine does meets both. */
const SLICES = 2;

interface Side {
  name: string;
  chat: Chat;
  server: number;
  redis: number;
  /** Resolves when the server has nothing more to do for what was sent. */
  atRest: () => Promise<void>;
  slices: Measured[];
}
interface Measured extends Slice {
  /** µs of CPU a message, in the server and in Redis. */
  serverCpu: number;
  redisCpu: number;
}

async function measure({ chat, server, redis, slices, atRest }: Side, seconds: number): Promise<void> {
  const before = [cpuOf(server), cpuOf(redis)];
  const slice = await runChat(chat, IN_FLIGHT, seconds);
  const used = [cpuOf(server), cpuOf(redis)].map((now, i) => ((now - (before[i] as number)) / slice.messages) * 1e6);
  await atRest();
  slices.push({ ...slice, serverCpu: used[0] as number, redisCpu: used[1] as number });
}

/** Resolves when the archive has all that was committed: it is part of our side's work and must not fall into the reference's time. */
async function archived(server: LoadServer): Promise<void> {
  const rows = async () => (await readMetrics(server.http)).get('tributary_archive_rows_total{kind="messages"}') ?? 0;
  let before = await rows();
  for (let same = 0; same < 3;) {
    await after(700);
    const now = await rows();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}

/** One figure of a run: of all its slices together. */
const rateOf = (slices: readonly Measured[]): number =>
  slices.reduce((sum, { messages }) => sum + messages, 0) / slices.reduce((sum, { messages, delivered }) => sum + messages / delivered, 0);

/** The figures of the runs. */
const runsOf = ({ slices }: Side): number[] =>
  Array.from({ length: slices.length / SLICES }, (_, run) => rateOf(slices.slice(run * SLICES, (run + 1) * SLICES)));

/** Row a: messages a second that are acknowledged and on both devices of their pair, every one checked. */
export async function chatRow(durability: "fsync" | "everysec", runs: number, seconds: number): Promise<Row> {
  await using reference = await startReference(durability);
  await using server = await startLoadServer({ DURABILITY: durability });
  const pid = server.process?.pid ?? 0;
  const ours: Side = {
    name: "ours",
    chat: await openTributaryChat(server, PAIRS),
    server: pid,
    redis: redisBelow(pid),
    atRest: () => archived(server),
    slices: [],
  };
  const bare: Side = {
    name: "reference",
    chat: await openReferenceChat(reference.port, PAIRS),
    server: reference.pid,
    redis: reference.redisPid,
    atRest: async () => {},
    slices: [],
  };
  for (const { chat, atRest } of [bare, ours]) {
    await runChat(chat, IN_FLIGHT, 2);
    await atRest();
  }
  for (let slice = 0; slice < runs * SLICES; slice++) {
    for (const side of [bare, ours]) await measure(side, seconds / SLICES);
  }
  return {
    row: "a",
    name: `1:1 chat, ${durability}`,
    unit: "messages/s",
    ours: runsOf(ours),
    reference: runsOf(bare),
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
