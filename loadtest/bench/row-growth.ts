import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { conversationsGrow } from "./growth-conversations.ts";
import { growthOf, type Cost } from "./growth-load.ts";
import { membersGrow } from "./growth-members.ts";
import { storedGrow } from "./growth-stored.ts";
import type { Curve, Effort, Line, Row } from "./row.ts";

/** Stored messages of the largest point; 10^8 takes half an hour and 15 GB more. */
const MOST_STORED = 10_000_000;
/** What is called flat: more than noise makes of one cost measured twice, less than any growth with size. */
const FLAT = 2;

const line = <Point>(name: string, points: readonly Point[], x: (point: Point) => number, y: (point: Point) => number): Line => ({
  name,
  points: points.map((point) => [x(point), y(point)]),
});

/** CPU and answer of a message along an x. */
function costCurves<Point extends Cost>(what: string, label: string, points: readonly Point[], x: (point: Point) => number): Curve[] {
  const along = (name: string, y: string, lines: Line[]): Curve => ({ name: `${name} ${what}`, x: label, y, logX: true, lines });
  return [
    along("CPU of a message", "µs", [line("server", points, x, ({ server }) => server), line("Redis", points, x, ({ redis }) => redis)]),
    along("Time to the answer", "ms, p50", [line("answer", points, x, ({ ack }) => ack)]),
  ];
}

const told = (points: readonly object[]): string[] =>
  points.map((point) =>
    Object.entries(point)
      .map(([name, value]) => `${name} ${Number((value as number).toPrecision(3)).toLocaleString("en")}`)
      .join(", "),
  );

/** How many times as much the largest point of a line takes as the smallest. */
const growthRow = (name: string, of: Line, most: number | null, notes: string[], curves: Curve[]): Row => ({
  row: "growth",
  name,
  unit: "× from least to most",
  ours: [growthOf(of)],
  references: [],
  target: most === null ? null : { most },
  notes,
  curves,
});

const total = ({ server, redis }: Cost): number => server + redis;

async function membersRows(server: LoadServer, hot: Hot, quick: boolean): Promise<Row[]> {
  const points = await membersGrow(server, hot, quick);
  const x = ({ members }: { members: number }) => members;
  const read = points.filter(({ members }) => members > 500);
  const write = points.filter(({ members }) => members <= 500 && members >= 50);
  const curves = costCurves("as members grow", "members, 2 of them online", points, x);
  return [
    growthRow("CPU of a message, 501 members and more", line("", read, x, total), FLAT, told(points), curves),
    growthRow(
      "CPU of an inbox write, 50 to 500 members",
      line("", write, x, (point) => total(point) / point.members),
      null,
      [],
      [],
    ),
  ];
}

async function conversationsRows(server: LoadServer, hot: Hot, quick: boolean): Promise<Row[]> {
  const points = await conversationsGrow(server, hot, quick);
  type Point = (typeof points)[number];
  const x = ({ conversations }: Point) => conversations;
  const label = "conversations of the user";
  const calls = (["connect", "list", "unread", "timeline"] as const).map((call) => line(names[call], points, x, (point) => point[call]));
  const curves: Curve[] = [
    ...costCurves("as conversations grow", label, points, x),
    { name: "Calls as conversations grow", x: label, y: "ms, median", logX: true, logY: true, lines: calls },
  ];
  return [
    growthRow("CPU of a message, by the sender's conversations", line("", points, x, total), FLAT, told(points), curves),
    ...calls.map((call) => growthRow(`${call.name}, by the user's conversations`, call, null, [], [])),
  ];
}
const names = { connect: "connect", list: "conversation.list", unread: "unread.get", timeline: "timeline.read" } as const;

async function storedRows(quick: boolean): Promise<Row[]> {
  const points = await storedGrow(quick ? MOST_STORED / 10 : MOST_STORED, quick);
  type Point = (typeof points)[number];
  const x = ({ messages }: Point) => messages;
  const label = "messages in ClickHouse";
  const pages = line("a page of 50", points, x, ({ page }) => page);
  const curves = [
    ...costCurves("as stored messages grow", label, points, x),
    { name: "A page of history as stored messages grow", x: label, y: "ms, median", logX: true, lines: [pages] },
  ];
  return [
    growthRow("CPU of a message, by stored messages", line("", points, x, total), FLAT, told(points), curves),
    growthRow("a page of history, by stored messages", pages, null, [], []),
  ];
}

/** What a message and a call cost as members, conversations and stored messages grow: curves without a cliff. */
export async function growthRows({ quick }: Effort): Promise<Row[]> {
  const on = async (rows: (server: LoadServer, hot: Hot, quick: boolean) => Promise<Row[]>): Promise<Row[]> => {
    await using server = await startLoadServer();
    await using hot = await openHot(server.redisUrl ?? "", createLogger("silent", { role: "bench" }));
    return await rows(server, hot, quick);
  };
  return [...(await on(membersRows)), ...(await on(conversationsRows)), ...(await storedRows(quick))];
}
