import { setTimeout as after } from "node:timers/promises";
import { openHot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { sendPaced } from "./archive-load.ts";
import { archivedRows, lookAt, type Sight } from "./archive-watch.ts";
import { runChat, type Chat } from "./chat.ts";
import { openTributaryChat } from "./chat-sides.ts";
import type { Curve, Effort, Row } from "./row.ts";

const PAIRS = 100;
const IN_FLIGHT = 10;
/** Part of the full rate that is sent. */
const PART = 1 / 3;
/** Longest time from a send to its row in ClickHouse (s): the contract's. */
const LONGEST_LAG = 5;
/** Of the memory at half time, in a minute (%): what is less is not told from the ups and downs of trimming. */
const FLAT = 1;
/**
 * Dedupe tables fill for two windows before the oldest goes, two hours by default. A short window comes to the same standstill within the run;
 * what the default one would add is in the notes.
 */
const DEDUPE_SECONDS = 20;

/** Messages a second that the server bears: its first second or so, full of compiling, does not count. */
async function fullRate(chat: Chat, quick: boolean): Promise<number> {
  await runChat(chat, IN_FLIGHT, 2);
  return (await runChat(chat, IN_FLIGHT, quick ? 2 : 6)).delivered;
}

/** Waits until ClickHouse has all; throws when it does not within 30 s, or has something twice. */
async function archivedOnce(server: LoadServer, messages: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const found = await archivedRows(server);
    const expected = { messages: [messages, messages], inbox: [messages * 2, messages * 2] };
    const text = JSON.stringify(found);
    if (text === JSON.stringify(expected)) return;
    if (tries === 60) throw new Error(`rows and different rows in ClickHouse are ${text}, not ${JSON.stringify(expected)}`);
    await after(500);
  }
}

/** Steady sending for minutes: does the archive keep up in few inserts, does Redis stay as full as it is, is each message in ClickHouse once? */
export async function archiveRows({ quick }: Effort): Promise<Row[]> {
  const seconds = quick ? 20 : 600;
  const dedupe = quick ? 2 : DEDUPE_SECONDS;
  await using server = await startLoadServer({ DEDUPE_WINDOW: `${dedupe}s` });
  await using hot = await openHot(server.redisUrl ?? "", createLogger("silent", { role: "bench" }));
  const chat = await openTributaryChat(server, PAIRS);
  const rate = (await fullRate(chat, quick)) * PART;
  const first = await lookAt(server, hot, 0, 0);
  const sights: Sight[] = [first];
  const paced = await sendPaced(chat, rate, seconds, async (at, answered) => {
    sights.push(await lookAt(server, hot, at, answered));
  });
  const sent = chat.pairs.reduce((sum, pair) => sum + pair.sent + 1, 0);
  await archivedOnce(server, sent);
  const { p50, p99 } = paced.ackLatency;
  const notes = [
    `${Math.round(rate).toLocaleString("en")} messages/s, a third of the full rate, for ${seconds} s; ` +
      `all ${sent.toLocaleString("en")} messages came once to both devices and stand once in ClickHouse; ms to the answer p50 ${p50.toFixed(1)} p99 ${p99.toFixed(0)}`,
  ];
  // What was left of the full rate is archived in the first seconds.
  const steady = sights.filter(({ at }) => at >= Math.min(10, seconds / 4));
  const row = { row: "archive", references: [] };
  return [
    {
      ...row,
      name: "archive lag",
      unit: "s at most",
      ours: [Math.max(...steady.map(({ lag }) => lag))],
      target: { most: LONGEST_LAG },
      notes,
      curves: curvesOf(sights),
    },
    {
      ...row,
      name: "inserts into a table",
      unit: "inserts/s",
      ours: [insertRate(steady)],
      target: { most: 1 },
      notes: [burstNote(steady)],
    },
    {
      ...row,
      name: "growth of Redis' memory, second half",
      unit: "% a minute",
      ours: [growth(secondHalf(steady))],
      // In a short run the mailboxes still fill.
      target: quick ? null : { most: FLAT },
      notes: [memoryNote(steady, dedupe)],
    },
  ];
}

/** Inserts a second into the busier table, from one insert to the next: between n of them lie n − 1 spaces. */
function insertRate(sights: readonly Sight[]): number {
  const [begin, end] = [sights[0] as Sight, sights.at(-1) as Sight];
  return Math.max(...[...end.inserts].map(([table, count]) => (count - (begin.inserts.get(table) ?? 0) - 1) / (end.at - begin.at)));
}

function burstNote(sights: readonly Sight[]): string {
  const tens = sights.flatMap((sight) => {
    const end = sights.find(({ at }) => at >= sight.at + 9.5);
    return end === undefined ? [] : [insertRate([sight, end])];
  });
  return `counted by ClickHouse's parts; busiest ten seconds: ${Math.max(...tens).toFixed(2)} inserts/s`;
}

/** Slope of the memory, as % of its level at the first sight, a minute: least squares. */
function growth(sights: readonly Sight[]): number {
  const mean = (of: (sight: Sight) => number) => sights.reduce((sum, sight) => sum + of(sight), 0) / sights.length;
  const [at, memory] = [mean((sight) => sight.at), mean((sight) => sight.memory)];
  const over = sights.reduce((sum, sight) => sum + (sight.at - at) * (sight.memory - memory), 0);
  const slope = over / sights.reduce((sum, sight) => sum + (sight.at - at) ** 2, 0);
  return ((slope * 60) / (sights[0]?.memory ?? NaN)) * 100;
}

const secondHalf = (sights: readonly Sight[]): Sight[] => sights.slice(Math.floor(sights.length / 2));

/** What is left after the trims: the least of each half minute. */
const floorOf = (sights: readonly Sight[]): Sight[] =>
  [...Map.groupBy(sights, ({ at }) => Math.floor(at / 30)).values()].map((some) =>
    some.reduce((least, sight) => (sight.memory < least.memory ? sight : least)),
  );

function memoryNote(sights: readonly Sight[], dedupe: number): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const half = secondHalf(sights);
  const floor = floorOf(half);
  const left = floor.length < 3 ? "" : `; what is left after the trims grows by ${growth(floor).toFixed(2)} % a minute`;
  const most = mib(Math.max(...sights.map(({ memory }) => memory)));
  return `${mib(half[0]?.memory ?? NaN)} at half time, ${most} at most${left}; dedupe window ${dedupe} s`;
}

function curvesOf(sights: readonly Sight[]): Curve[] {
  const over = (name: string, y: string, line: string, value: (sight: Sight, before: Sight) => number): Curve => {
    const points = sights.slice(1).map((sight, i): [number, number] => [sight.at, value(sight, sights[i] as Sight)]);
    return { name, x: "seconds", y, logX: false, lines: [{ name: line, points }] };
  };
  return [
    over("Archive lag under steady sending", "seconds", "age of the oldest record not archived", ({ lag }) => lag),
    over("Redis memory under steady sending", "MiB", "used_memory", ({ memory }) => memory / 2 ** 20),
    over(
      "Messages a second under steady sending",
      "messages/s",
      "answered",
      (sight, before) => (sight.answered - before.answered) / (sight.at - before.at),
    ),
  ];
}
