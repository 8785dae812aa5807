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

/** Reads a second, and the chat beside them as a part of what the machine does of it alone. */
const RATE = 500;
const BESIDE = 1 / 3;
const READERS = 20;
/** Members of a conversation in read mode: more than `FANOUT_WRITE_MAX`. */
const CROWD = 520;
const PAGE = 50;
/** A message in so many goes to a conversation in read mode. */
const EACH = 5;
const AUTHOR = "author";

interface Item {
  source: "inbox" | "mailbox";
  key: string;
  message: { id: string; conversationId: string; seq: number; body: { text: string } };
}
interface Page {
  items: Item[];
  cursor: string | null;
}

interface World {
  readers: string[];
  posted: Posted[];
  ofCrowds: ReadonlySet<string>;
}

/** Readers who share 200 conversations, 20 of them in read mode, and what was said there. */
export async function prepare(server: LoadServer, messages: number): Promise<World> {
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

/** Walks through a reader's whole timeline: every message once, as it was sent, newest first by key, from the right source. Gives the first page. */
export async function checkedPage(server: LoadServer, reader: string, { posted, ofCrowds }: World): Promise<Page> {
  const missing = new Map(posted.map((one) => [one.id, one]));
  let first: Page | null = null;
  // A raised key may meet the id of another message: then two have the same.
  let last = "9".repeat(19);
  let cursor: string | null = null;
  do {
    const page: Page = await server.call<Page>(reader, "timeline.read", { limit: PAGE, cursor });
    for (const { source, key, message } of page.items) {
      const one = missing.get(message.id);
      const right =
        one !== undefined &&
        one.conversationId === message.conversationId &&
        one.seq === message.seq &&
        one.text === message.body.text &&
        source === (ofCrowds.has(one.conversationId) ? "mailbox" : "inbox") &&
        BigInt(key) >= BigInt(message.id) &&
        BigInt(key) <= BigInt(last);
      if (!right) throw new Error(`${reader} got ${JSON.stringify(message)} with key ${key} after ${last}`);
      missing.delete(message.id);
      last = key;
    }
    first ??= page;
    cursor = page.cursor;
  } while (cursor !== null);
  if (missing.size > 0) throw new Error(`${missing.size} messages are missing in the timeline of ${reader}`);
  return first as Page;
}

const beginning = (page: Page): string => JSON.stringify({ items: page.items }).slice(0, -1);

export async function openReaders(server: LoadServer, world: World, pages: readonly Page[]): Promise<Asker> {
  const asks = world.readers.map((user, i): Ask => {
    return { user, method: "timeline.read", data: `{"limit":${PAGE}}`, expect: beginning(pages[i] as Page) };
  });
  return openAsker(server.target, asks, (user) => server.token(user));
}

/** The bare server has the same messages in a list, and gives the newest 50 of it. */
async function openBareReaders({ port, redisUrl }: Reference, page: Page): Promise<Asker> {
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
  const pages: Page[] = [];
  for (const reader of world.readers) pages.push(await checkedPage(server, reader, world));
  await using readers = await openReaders(server, world, pages);
  await using bareReaders = await openBareReaders(reference, pages[0] as Page);
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
