import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { feedsGrow, type FeedPoint } from "./feed-growth.ts";
import { openFeedReaders, prepareReaders, sizes } from "./feed-readers.ts";
import { latency, type Effort, type Line, type Row } from "./row.ts";
import { growthOf } from "./growth-load.ts";

/** Pages a second. */
const RATE = 20;
/** What is called the same time: more than noise makes of one cost measured twice. */
const FLAT = 2;

const line = (name: string, points: readonly FeedPoint[], y: (point: FeedPoint) => number): Line => ({
  name,
  points: points.map((point) => [point.followers, y(point)]),
});

const row = (name: string, unit: string, ours: number[], most: number | null, more: Partial<Row> = {}): Row => ({
  row: "feeds",
  name,
  unit,
  ours,
  references: [],
  target: most === null ? null : { most },
  notes: [],
  ...more,
});

const inspect = (point: FeedPoint): string =>
  Object.entries(point)
    .map(([name, value]) => `${name} ${Number((value as number).toPrecision(3)).toLocaleString("en")}`)
    .join(", ");

/** A post of the biggest as a multiple of one of the smallest; of those that are copied to nobody, the dearest as one of the cheapest. */
async function postRows(server: LoadServer, hot: Hot, quick: boolean): Promise<Row[]> {
  const points = await feedsGrow(server, hot, quick);
  const [least, most] = [points[0] as FeedPoint, points.at(-1) as FeedPoint];
  const read = points.slice(1);
  const cpu = ({ server: node, redis }: FeedPoint): number => node + redis;
  const x = "followers";
  const curves = [
    {
      name: "CPU of a post as followers grow",
      x,
      y: "µs",
      logX: true,
      lines: [line("server", points, (point) => point.server), line("Redis", points, ({ redis }) => redis)],
    },
    { name: "Time to the answer of a post", x, y: "ms, p50", logX: true, lines: [line("answer", points, ({ ack }) => ack)] },
  ];
  const of = `${most.followers.toLocaleString("en")} followers`;
  return [
    row(`answer to a post, ${of}`, `× ${least.followers} followers`, [most.ack / least.ack], FLAT, { notes: points.map(inspect), curves }),
    row(`CPU of a post, ${of}`, `× ${least.followers} followers`, [cpu(most) / cpu(least)], FLAT),
    row("CPU of a post that is copied to nobody", "× from least to most", [growthOf(line("", read, cpu))], FLAT),
    row(`conversation.join of a feed of ${of}, p50`, `× ${least.followers} followers`, [most.follow / least.follow], FLAT),
  ];
}

async function readRows(server: LoadServer, hot: Hot, { runs, quick }: Effort): Promise<Row[]> {
  const of = sizes(quick);
  await using readers = await openFeedReaders(server, await prepareReaders(server, hot, of), of);
  const times: { p50: number[]; p99: number[] } = { p50: [], p99: [] };
  const seconds = quick ? 3 : 15;
  await readers.run(RATE, seconds);
  for (let run = 0; run < runs; run++) {
    const { p50, p99 } = latency(await readers.run(RATE, seconds));
    times.p50.push(p50);
    times.p99.push(p99);
  }
  const what = `timeline.read, 50 items, ${of.authors.toLocaleString("en")} authors, ${of.big} of them big`;
  return [row(`${what}, p50`, "ms", times.p50, null), row(`${what}, p99`, "ms", times.p99, 30)];
}

/** Row feeds: what a post costs by the number of followers, what following costs, and the timeline of someone who follows many. */
export async function feedsRows(effort: Effort): Promise<Row[]> {
  const on = async (rows: (server: LoadServer, hot: Hot) => Promise<Row[]>): Promise<Row[]> => {
    await using server = await startLoadServer();
    await using hot = await openHot(server.redisUrl ?? "", createLogger("silent", { role: "bench" }));
    return await rows(server, hot);
  };
  return [
    ...(await on((server, hot) => readRows(server, hot, effort))),
    ...(await on((server, hot) => postRows(server, hot, effort.quick))),
  ];
}
