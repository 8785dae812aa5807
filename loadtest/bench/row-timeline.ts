import { Redis } from "ioredis";
import type { LoadServer } from "../lean/server.ts";
import { startLoadServer } from "../lean/server.ts";
import { startReference, type Reference } from "../reference/start.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";
import { createGroups, post, type Posted } from "./author.ts";
import type { Chat } from "./chat.ts";
import { runChat } from "./chat.ts";
import { openTributaryChat } from "./chat-sides.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { runPaced } from "./paced.ts";
import { latency, spread, type Effort, type Row } from "./row.ts";
import { openReaders, PAGE, type Page, walkTimeline } from "./timeline-walk.ts";

/** Reads a second, and the chat beside them as a part of what the machine does of it alone. */
const RATE = 500;
const BESIDE = 1 / 3;
const READERS = 20;
/** Members of a conversation in read mode: more than `FANOUT_WRITE_MAX`. */
const CROWD = 520;
/** A message in so many goes to a conversation in read mode. */
const EACH = 5;
const AUTHOR = "author";

interface Message {
  id: string;
  conversationId: string;
  seq: number;
  body: { text: string };
}

interface World {
  readers: string[];
  posted: Posted[];
  ofCrowds: ReadonlySet<string>;
}

/** Readers who share 200 conversations, 20 of them in read mode, and what was said there. */
async function prepare(server: LoadServer, messages: number): Promise<World> {
  const readers = Array.from({ length: READERS }, (_, i) => `reader${i}`);
  const others = Array.from({ length: CROWD - READERS }, (_, i) => `other${i}`);
  const groups = Array.from({ length: 200 }, (_, i) => (i < 20 ? [...readers, ...others] : readers));
  const ids = await createGroups(server, AUTHOR, groups);
  await server.caughtUp();
  const of = (n: number) => (n % EACH === 0 ? (n / EACH) % 20 : 20 + (n % 180));
  const posted = await post(
    server,
    AUTHOR,
    Array.from({ length: messages }, (_, n) => ids[of(n)] as string),
  );
  return { readers, posted, ofCrowds: new Set(ids.slice(0, 20)) };
}

/** The first page of a reader, whose timeline is what was sent, from the right sources. */
function checkedPage(server: LoadServer, reader: string, { posted, ofCrowds }: World): Promise<Page<Message>> {
  const byId = new Map(posted.map((one) => [one.id, one]));
  return walkTimeline<Message, Posted>(
    server,
    reader,
    byId,
    ({ source, key, message }, one) =>
      one.conversationId === message.conversationId &&
      one.seq === message.seq &&
      one.text === message.body.text &&
      source === (ofCrowds.has(one.conversationId) ? "mailbox" : "inbox") &&
      BigInt(key) >= BigInt(message.id),
  );
}

/** The bare server has the same messages in a list, and gives the newest 50 of it. */
async function openBareReaders({ port, redisUrl }: Reference, page: Page<Message>): Promise<Asker> {
  const redis = new Redis(redisUrl);
  await redis.rpush("page", ...page.items.map((item) => JSON.stringify(item)));
  redis.disconnect();
  const data = `{"missed":"page","from":${-PAGE}}`;
  const expect = `{"missed":${JSON.stringify(page.items)}}`;
  const asks = Array.from({ length: READERS }, (_, i): Ask => ({ user: `bare${i}`, method: null, data, expect }));
  return openAsker({ host: "127.0.0.1", port, path: "" }, asks, () => "");
}

interface Times {
  p50: number[];
  p99: number[];
}
const noTimes = (): Times => ({ p50: [], p99: [] });
function add(times: Times, values: readonly number[]): void {
  const { p50, p99 } = latency(values);
  times.p50.push(p50);
  times.p99.push(p99);
}

interface Costs {
  server: number[];
  redis: number[];
}

interface Bench {
  server: LoadServer;
  chat: Chat;
  /** Messages a second of the chat beside. */
  rate: number;
  seconds: number;
}

/** CPU seconds of the server and of its Redis for the chat beside, and what else is done in that time. */
async function besideChat({ server, chat, rate, seconds }: Bench, work: () => Promise<void>): Promise<{ server: number; redis: number }> {
  const pid = server.process?.pid ?? 0;
  const redis = redisBelow(pid);
  const before = { server: cpuOf(pid), redis: cpuOf(redis) };
  await Promise.all([runPaced(chat, rate, seconds + 1), work()]);
  return { server: cpuOf(pid) - before.server, redis: cpuOf(redis) - before.redis };
}

interface Measured {
  ours: Times;
  alone: Times;
  bare: Times;
  costs: Costs;
}

async function measure(bench: Bench, runs: number, readers: Asker, bareReaders: Asker): Promise<Measured> {
  const { seconds } = bench;
  const measured: Measured = { ours: noTimes(), alone: noTimes(), bare: noTimes(), costs: { server: [], redis: [] } };
  for (let run = -1; run < runs; run++) {
    const into = run < 0 ? [noTimes(), noTimes(), noTimes()] : [measured.bare, measured.ours, measured.alone];
    const [bare, ours, alone] = into as [Times, Times, Times];
    const chatOnly = await besideChat(bench, async () => add(bare, await bareReaders.run(RATE, seconds)));
    const both = await besideChat(bench, async () => add(ours, await readers.run(RATE, seconds)));
    add(alone, await readers.run(RATE, seconds));
    if (run < 0) continue;
    for (const who of ["server", "redis"] as const) measured.costs[who].push(((both[who] - chatOnly[who]) / (RATE * seconds)) * 1e6);
  }
  return measured;
}

/**
 * Row timeline: the newest page of a user in 200 conversations, 20 of them in read mode, beside chat traffic. Every answer is compared with one that
 * a whole walk has proved right.
 * @param beside the chat's rate as a part of what a short run at full speed gives
 */
export async function timelineRows({ runs, quick }: Effort, beside = BESIDE): Promise<Row[]> {
  await using reference = await startReference({ durability: "fsync" });
  await using server = await startLoadServer();
  const world = await prepare(server, quick ? 500 : 2_000);
  const pages = new Map<string, Page<Message>>();
  for (const reader of world.readers) pages.set(reader, await checkedPage(server, reader, world));
  await using readers = await openReaders(server, pages);
  await using bareReaders = await openBareReaders(reference, pages.get(world.readers[0] ?? "") as Page<Message>);
  const chat = await openTributaryChat(server, 100);
  await runChat(chat, 10, quick ? 1 : 3);
  const full = await runChat(chat, 10, quick ? 1 : 3);
  const rate = Math.round(full.delivered * beside);
  const measured = await measure({ server, chat, rate, seconds: quick ? 2 : 10 }, runs, readers, bareReaders);
  const bareName = "bare ws and one LRANGE";
  const row = (name: string, ours: number[], bare: number[], most: number | null): Row => ({
    row: "timeline",
    name,
    unit: "ms",
    ours,
    references: bare.length === 0 ? [] : [{ name: bareName, values: bare }],
    target: most === null ? null : { most },
    notes: [],
  });
  const { ours, alone, bare, costs } = measured;
  const first = row("timeline.read, 50 items beside chat, p50", ours.p50, bare.p50, 3);
  const cost = (of: number[]) => spread(of).median.toFixed(0);
  first.notes.push(
    `${RATE} reads/s beside ${rate} messages/s of chat, of ${Math.round(full.delivered)} at full speed; CPU a read: server ${cost(costs.server)} µs, Redis ${cost(costs.redis)} µs`,
  );
  return [
    first,
    row("timeline.read, 50 items beside chat, p99", ours.p99, bare.p99, 10),
    row("timeline.read without chat, p50", alone.p50, [], null),
    row("timeline.read without chat, p99", alone.p99, [], null),
  ];
}
