import { startLoadServer } from "../lean/server.ts";
import { startPeer } from "../peer/start.ts";
import { startReference } from "../reference/start.ts";
import { BARE_SCRIPT, bareServers } from "./bare.ts";
import { runChat, type Chat, type Slice } from "./chat.ts";
import { openPeerChat } from "./chat-peer.ts";
import { openReferenceChat, openTributaryChat } from "./chat-sides.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { runPaced } from "./paced.ts";
import { type Effort, type Row, spread } from "./row.ts";
import { archived } from "./settled.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;
/** What our rate is judged against: it writes both users' histories, as we do, with the library as it comes. */
const PEER = "centrifuge, Redis history";
/** Its best figure: half the work (one channel a pair), what goes to a socket held back for 10 ms to be written at once, fewer garbage collections. */
const PEER_TUNED = "centrifuge tuned, one channel a pair";

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

async function openReferences(stack: AsyncDisposableStack): Promise<Side[]> {
  const common = { atRest: async () => {}, slices: [] };
  const sides: Side[] = [];
  for (const [name, channels, options] of [
    [PEER, "a user", { defaults: true }],
    [PEER_TUNED, "a pair", { writeDelayMs: 10 }],
  ] as const) {
    const peer = stack.use(await startPeer({ durability: "everysec", ...options }));
    const chat = await openPeerChat(peer, PAIRS, channels);
    sides.push({ ...common, name, chat, server: peer.pid, redis: peer.redisPid, slices: [] });
  }
  for (const [name, options] of bareServers) {
    const reference = stack.use(await startReference(options));
    const chat = await openReferenceChat(reference.port, PAIRS);
    sides.push({ ...common, name, chat, server: reference.pid, redis: reference.redisPid, slices: [] });
  }
  return sides;
}

async function openOurs(stack: AsyncDisposableStack, durability: string): Promise<Side> {
  const server = stack.use(await startLoadServer({ DURABILITY: durability }));
  const pid = server.process?.pid ?? 0;
  const chat = await openTributaryChat(server, PAIRS);
  return { name: "ours", chat, server: pid, redis: redisBelow(pid), atRest: () => archived(server), slices: [] };
}

/**
 * Row a: messages a second that are acknowledged and on both devices of their pair, every one checked, as fast as they are answered; then the time to
 * the answer at half of that rate.
 */
export async function chatRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const references = await openReferences(stack);
  const ours = await openOurs(stack, "fsync");
  const lazy = await openOurs(stack, "everysec");
  const sides = [...references, ours, lazy];
  for (const { chat, atRest } of sides) {
    await runChat(chat, IN_FLIGHT, quick ? 1 : 3);
    await atRest();
  }
  for (let run = 0; run < runs; run++) for (const side of sides) await measure(side, quick ? 1.5 : 5);
  const measured = references.map(({ name, slices }) => ({ name, values: slices.map(({ delivered }) => delivered) }));
  const rate = { row: "a", unit: "messages/s", references: measured };
  const notes = sides.map(noteOf);
  return [
    { ...rate, name: "1:1 chat, each on disk", ours: ratesOf(ours), target: { against: PEER, least: 1.5 }, notes },
    { ...rate, name: "1:1 chat, everysec", ours: ratesOf(lazy), target: null, notes: [] },
    ...(await answerRows(ours, references, runs, quick)),
  ];
}

const ratesOf = ({ slices }: Side): number[] => slices.map(({ delivered }) => delivered);

/** All are sent as many messages a second as is half of what ours bears. */
async function answerRows(ours: Side, references: readonly Side[], runs: number, quick: boolean): Promise<Row[]> {
  const half = spread(ratesOf(ours)).median / 2;
  const paced: Slice[] = [];
  const beside = references.filter(({ name }) => name === PEER || name === BARE_SCRIPT).map((side) => ({ side, slices: [] as Slice[] }));
  for (let run = 0; run < runs; run++) {
    for (const { side, slices } of [...beside, { side: ours, slices: paced }]) {
      slices.push(await runPaced(side.chat, half, quick ? 2 : 10));
      await side.atRest();
    }
  }
  const besides = (of: (slice: Slice) => number) => beside.map(({ side: { name }, slices }) => ({ name, values: slices.map(of) }));
  const row = (name: string, of: (slice: Slice) => number, most: number | null, notes: string[]): Row => ({
    row: "a",
    name,
    unit: "ms",
    ours: paced.map(of),
    references: besides(of),
    target: most === null ? null : { most },
    notes,
  });
  const notes = [
    `half rate: ${Math.round(half).toLocaleString("en")} messages/s, each answer's time counted from when its message was due`,
  ];
  return [
    row("answer at half rate, p50", ({ ackLatency }) => ackLatency.p50, 3, notes),
    row("answer at half rate, p99", ({ ackLatency }) => ackLatency.p99, 15, []),
    row("delivery at half rate, p99", ({ deliveryLatency }) => deliveryLatency.p99, null, []),
  ];
}

function noteOf({ name, slices }: Side): string {
  const middle = (of: (slice: Measured) => number) => spread(slices.map(of)).median;
  const sum = slices.reduce((total, { messages }) => total + messages, 0);
  return (
    `${name}: CPU a message: server ${middle(({ serverCpu }) => serverCpu).toFixed(1)} µs, Redis ${middle(({ redisCpu }) => redisCpu).toFixed(1)} µs; ` +
    `${sum.toLocaleString("en")} messages checked`
  );
}
