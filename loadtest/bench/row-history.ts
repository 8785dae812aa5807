import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { createColdClient, type ColdClient } from "#shared/cold/client.ts";
import { createColdStore } from "#shared/cold/store.ts";
import { keys } from "#shared/hot/keys.ts";
import { startServer } from "#test/support/world.ts";
import { readMetrics } from "../lean/metrics.ts";
import { reachDevelopment, type LoadServer } from "../lean/server.ts";
import { startReference, type Reference } from "../reference/start.ts";
import { fillArchive, settleArchive, type Archive } from "./archive-fill.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";
import { createGroups, post, type Posted } from "./author.ts";
import { latency, type Effort, type Row } from "./row.ts";

const PAGE = 50;
/** Pages a second. */
const HOT_RATE = 200;
const COLD_RATE = 10;
const SCROLLERS = 100;
const HOT = 200;
const AUTHOR = "author";
const scrollers = Array.from({ length: SCROLLERS }, (_, i) => `scroller${i}`);

interface World {
  server: LoadServer;
  clickhouse: ColdClient;
  conversationId: string;
  archive: Archive;
  posted: Posted[];
}

/** A conversation whose old messages are in the archive alone, among many others; what was sent since is hot. */
async function prepare(server: LoadServer, clickhouse: ColdClient, redisUrl: string, messages: number): Promise<World> {
  const [conversationId = ""] = await createGroups(server, AUTHOR, [scrollers]);
  await server.caughtUp();
  const archive = await fillArchive(clickhouse, { messages, conversationId, members: SCROLLERS + 1 });
  await settleArchive(createColdStore(clickhouse.clickhouse));
  const { longest } = archive;
  const redis = new Redis(redisUrl);
  await redis.hset(keys.head(conversationId), { s: longest, n: longest, l: longest, b: longest, i: archive.idOf(longest) });
  for (const user of [AUTHOR, ...scrollers]) await redis.hset(keys.user(user), conversationId, `a ${longest} 0 -1 0 0 0`);
  redis.disconnect();
  const posted = await post(
    server,
    AUTHOR,
    Array.from({ length: HOT }, () => conversationId),
  );
  return { server, clickhouse, conversationId, archive, posted };
}

interface ArchivedRow {
  seq: string;
  message_id: string;
  count: string;
  sender: string;
  body: string;
  client_msg_id: string;
  at: string;
}

/** The page below a seq as ClickHouse itself gives it, in one plain query. */
async function bareRows({ clickhouse, conversationId }: World, before: number): Promise<ArchivedRow[]> {
  const query = `SELECT seq, message_id, count, sender, body, client_msg_id, toUnixTimestamp64Milli(at) AS at FROM tributary.messages
    WHERE conversation_id = ${conversationId} AND seq < ${before} ORDER BY conversation_id DESC, seq DESC LIMIT ${PAGE}`;
  return (await clickhouse.clickhouse.query({ query, format: "JSONEachRow" })).json<ArchivedRow>();
}

/** What the server's answer must begin with: the same rows as messages, ascending, all of them from the archive. */
function expectedPage({ conversationId }: World, rows: readonly ArchivedRow[], before: number): string {
  const messages = rows.toReversed().map(({ seq, message_id, count, at, sender, body, client_msg_id }) => {
    const place = `"conversationId":"${conversationId}","seq":${seq},"prev":${Number(seq) - 1},"count":${count},"at":${at}`;
    return `{"id":"${message_id}",${place},"from":"${sender}","kind":"text","body":${body},"clientMsgId":"${client_msg_id}"}`;
  });
  if (messages.length !== PAGE) throw new Error(`the archive has ${messages.length} messages below ${before}`);
  return `{"messages":[${messages.join(",")}],"first":${before - PAGE},"last":${before - 1},"tiers":{"hot":0,`;
}

/** Seqs below which pages are read, far from each other and no two alike. */
const boundsOf = ({ longest }: Archive, count: number): number[] =>
  Array.from({ length: count }, (_, i) => PAGE + 1 + ((i * 7_919 * 13) % (longest - PAGE)));

async function coldAsks(world: World, count: number): Promise<Ask[]> {
  const asks: Ask[] = [];
  for (const [i, before] of boundsOf(world.archive, count).entries()) {
    const expect = expectedPage(world, await bareRows(world, before), before);
    const data = JSON.stringify({ conversationId: world.conversationId, before, limit: PAGE });
    asks.push({ user: scrollers[i % SCROLLERS] as string, method: "message.history", data, expect });
  }
  return asks;
}

function hotAsks({ conversationId, posted, archive }: World): Ask[] {
  const messages = posted.slice(-PAGE).map(({ id, seq, at, text, clientMsgId }) => {
    const place = `"conversationId":"${conversationId}","seq":${seq},"prev":${seq - 1},"count":${seq},"at":${at}`;
    return `{"id":"${id}",${place},"from":"${AUTHOR}","kind":"text","body":{"text":"${text}"},"clientMsgId":"${clientMsgId}"}`;
  });
  const end = archive.longest + HOT;
  const expect = `{"messages":[${messages.join(",")}],"first":${end - PAGE + 1},"last":${end},"tiers":{"hot":${PAGE},"warm":0,"cold":0},"more":true}`;
  return scrollers.map((user) => ({ user, method: "message.history", data: JSON.stringify({ conversationId, limit: PAGE }), expect }));
}

/** The bare server has the same page in a list. */
async function openBare({ port, redisUrl }: Reference, expect: string): Promise<Asker> {
  const redis = new Redis(redisUrl);
  const { messages } = JSON.parse(expect) as { messages: unknown[] };
  await redis.rpush("page", ...messages.map((message) => JSON.stringify(message)));
  redis.disconnect();
  const ask = { method: null, data: `{"missed":"page","from":${-PAGE}}`, expect: `{"missed":${JSON.stringify(messages)}}` };
  return openAsker(
    { host: "127.0.0.1", port, path: "" },
    scrollers.map((user) => ({ ...ask, user })),
    () => "",
  );
}

/** Latencies of the plain query alone, one at a time at the same rate as ours. */
async function bareQueries(world: World, bounds: readonly number[]): Promise<number[]> {
  const times: number[] = [];
  for (const before of bounds) {
    const started = performance.now();
    await bareRows(world, before);
    times.push(performance.now() - started);
  }
  return times;
}

/** Everyone asks for the same page at the same time: how many queries that cost, and the slowest answer (ms). */
async function together(world: World, before: number): Promise<{ queries: number; slowest: number }> {
  const expect = expectedPage(world, await bareRows(world, before), before);
  const data = JSON.stringify({ conversationId: world.conversationId, before, limit: PAGE });
  await using asker = await openAsker(
    world.server.target,
    scrollers.map((user) => ({ user, method: "message.history", data, expect })),
    (user) => world.server.token(user),
  );
  const read = async () => (await readMetrics(world.server.http)).get('tributary_history_archive_pages_total{outcome="read"}') ?? 0;
  const earlier = await read();
  const times = await asker.atOnce();
  return { queries: (await read()) - earlier, slowest: Math.max(...times) };
}

type Figures = Record<
  "hot50" | "hot99" | "bareHot50" | "bareHot99" | "cold50" | "cold99" | "bareCold50" | "bareCold99" | "queries" | "slowest",
  number[]
>;

async function measure(world: World, reference: Reference, { runs, quick }: Effort): Promise<Figures> {
  const token = (user: string) => world.server.token(user);
  const hot = hotAsks(world);
  await using bare = await openBare(reference, hot[0]?.expect ?? "");
  await using ours = await openAsker(world.server.target, hot, token);
  const seconds = quick ? 2 : 10;
  const pages = COLD_RATE * seconds;
  const figures: Figures = {
    hot50: [],
    hot99: [],
    bareHot50: [],
    bareHot99: [],
    cold50: [],
    cold99: [],
    bareCold50: [],
    bareCold99: [],
    queries: [],
    slowest: [],
  };
  // Every page is read once, so that neither the server nor ClickHouse has it at hand.
  const asks = await coldAsks(world, pages * (runs + 1));
  const bounds = boundsOf(world.archive, pages * (runs + 1)).map((before) => Math.max(PAGE + 1, before - 17));
  for (let run = 0; run <= runs; run++) {
    await using scroll = await openAsker(world.server.target, asks.slice(run * pages, (run + 1) * pages), token);
    const bareHot = latency(await bare.run(HOT_RATE, seconds));
    const ourHot = latency(await ours.run(HOT_RATE, seconds));
    const bareCold = latency(await bareQueries(world, bounds.slice(run * pages, (run + 1) * pages)));
    const ourCold = latency(await scroll.run(COLD_RATE, seconds));
    const { queries, slowest } = await together(world, world.archive.longest - 1_000 * (run + 1));
    if (run === 0) continue;
    const values = [
      ourHot.p50,
      ourHot.p99,
      bareHot.p50,
      bareHot.p99,
      ourCold.p50,
      ourCold.p99,
      bareCold.p50,
      bareCold.p99,
      queries,
      slowest,
    ];
    for (const [i, name] of (Object.keys(figures) as (keyof Figures)[]).entries()) figures[name].push(values[i] as number);
  }
  return figures;
}

/** Without a budget: the messages that are sent at first must not put the conversation into read mode, which would be an entry more. */
const SETTINGS = { PORT: "0", CLICKHOUSE_PORT: "0", LOG_LEVEL: "warn", RATE_LIMITS: "off", FANOUT_WRITE_BUDGET: "0" };

/** Row history: hot pages, pages of ClickHouse, and a hundred people at one page. Every answer is compared with what was sent, or with ClickHouse's own. */
export async function historyRows(effort: Effort): Promise<Row[]> {
  const messages = effort.quick ? 200_000 : 10_000_000;
  const dir = await mkdtemp(join(tmpdir(), "tributary-load-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const reference = stack.use(await startReference({ durability: "fsync" }));
  const running = await startServer(dir, SETTINGS);
  stack.defer(() => running.stop());
  const { http, redisUrl, clickhouseUrl } = running.endpoints;
  const server = stack.use(reachDevelopment(http ?? ""));
  const password = (await readFile(join(dir, "clickhouse-password"), "utf8")).trim();
  const clickhouse = stack.use(createColdClient({ url: clickhouseUrl, password, timeoutMs: 600_000 }));
  const world = await prepare(server, clickhouse, redisUrl, messages);
  const figures = await measure(world, reference, effort);
  const row = (name: string, unit: string, ours: number[], most: number | null, references: Row["references"] = []): Row => {
    return { row: "history", name: `message.history, ${name}`, unit, ours, references, target: most === null ? null : { most }, notes: [] };
  };
  const bareWs = (values: number[]) => [{ name: "bare ws and one LRANGE", values }];
  const bareQuery = (values: number[]) => [{ name: "the bare query", values }];
  const among = `ClickHouse page among ${messages.toLocaleString("en")}`;
  return [
    row("hot page, p50", "ms", figures.hot50, null, bareWs(figures.bareHot50)),
    row("hot page, p99", "ms", figures.hot99, 5, bareWs(figures.bareHot99)),
    row(`${among}, p50`, "ms", figures.cold50, null, bareQuery(figures.bareCold50)),
    row(`${among}, p99`, "ms", figures.cold99, 50, bareQuery(figures.bareCold99)),
    row(`queries for ${SCROLLERS} people at one page`, "queries", figures.queries, 1),
    row(`slowest of ${SCROLLERS} at one page`, "ms", figures.slowest, null),
  ];
}
