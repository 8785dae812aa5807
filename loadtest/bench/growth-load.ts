import { setTimeout as after } from "node:timers/promises";
import { readLags, streamsOf } from "#services/archive/streams.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { openDevice } from "../lean/device.ts";
import { readMetrics } from "../lean/metrics.ts";
import type { LoadServer } from "../lean/server.ts";
import { latency, spread, type Line } from "./row.ts";

/** Messages a second: each is committed and delivered by itself. */
const RATE = 40;
const IDLE_MS = 2_000;
const PATIENCE = 120_000;

/** A connected user whose calls are answered one by one. */
export interface Person {
  /** ms until the answer, and its result. Rejects with what the server says. */
  ask<Result>(method: string, params: object): Promise<{ ms: number; result: Result }>;
  /** ms from the connect command to the whole reply. */
  connected: number;
  leave(): void;
}

export async function openPerson(server: LoadServer, user: string): Promise<Person> {
  const waiting = new Map<number, (line: string) => void>();
  const take = (line: string): void => {
    if (!line.startsWith('{"id":')) return;
    const id = Number.parseInt(line.slice(6), 10);
    waiting.get(id)?.(line);
    waiting.delete(id);
  };
  const closed = (code: number): void => waiting.forEach((answer) => answer(`{"error":{"message":"closed with ${code}"}}`));
  let asked = 0;
  const device = await openDevice(
    server.target,
    { user, token: await server.token(user) },
    { line: take, closed },
    () => (asked = performance.now()),
  );
  let last = 1;
  return {
    async ask<Result>(method: string, params: object) {
      const id = ++last;
      const { promise, resolve } = Promise.withResolvers<string>();
      waiting.set(id, resolve);
      const started = performance.now();
      device.rpc(id, method, JSON.stringify(params));
      const line = await promise;
      const ms = performance.now() - started;
      const { rpc, error } = JSON.parse(line) as { rpc?: { data: Result }; error?: { message: string } };
      if (rpc === undefined) throw new Error(`${method} of ${user}: ${error?.message}`);
      return { ms, result: rpc.data };
    },
    connected: device.repliedAt - asked,
    leave: () => device.destroy(),
  };
}

/** Resolves when fan-out and archive have done all that was committed. */
export async function atRest(server: LoadServer, hot: Hot): Promise<void> {
  await server.caughtUp();
  const deadline = performance.now() + PATIENCE;
  while ((await readLags(hot, streamsOf(true))).some(({ pending }) => pending > 0)) {
    if (performance.now() > deadline) throw new Error(`the archive is not at rest after ${PATIENCE / 1_000} s`);
    await after(200);
  }
}

/** CPU so far, s. The process' own counters have microseconds, /proc has hundredths: too few for some hundred messages. */
async function cpuSeconds(server: LoadServer, hot: Hot): Promise<{ server: number; redis: number; at: number }> {
  const [metrics, text] = await Promise.all([readMetrics(server.http), hot.redis.info("cpu")]);
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1] ?? NaN);
  const redis = field("used_cpu_user") + field("used_cpu_sys");
  return { server: metrics.get("process_cpu_seconds_total") ?? NaN, redis, at: performance.now() };
}

/** What a message costs until it is archived, beyond what the server uses when nothing happens. */
export interface Cost {
  /** µs of CPU. */
  server: number;
  redis: number;
  /** ms to the answer. */
  ack: number;
}

let sends = 0;
const textTo = (conversationId: string | undefined) => {
  return { conversationId, clientMsgId: `growth${++sends}`, kind: "text", body: { text: "x".repeat(200) } };
};

/** Sends so much that the server's code is compiled before the first point is measured, and that the group may well be read afterwards. */
export async function warmUp(from: Person, conversationId: string): Promise<void> {
  await inParallel(
    Array.from({ length: 4_000 }, () => conversationId),
    20,
    (id) => from.ask("message.send", textTo(id)),
  );
}

/** Has a person send text messages at a low steady rate, into these conversations in turn. */
export async function costOf(
  server: LoadServer,
  hot: Hot,
  from: Person,
  conversationIds: readonly string[],
  seconds: number,
): Promise<Cost> {
  await atRest(server, hot);
  const idle = await cpuSeconds(server, hot);
  await after(IDLE_MS);
  const begin = await cpuSeconds(server, hot);
  const answers: Promise<{ ms: number }>[] = [];
  for (let n = 0; n < RATE * seconds; n++) {
    answers.push(from.ask("message.send", textTo(conversationIds[n % conversationIds.length])));
    await after(Math.max(0, begin.at + ((n + 1) * 1_000) / RATE - performance.now()));
  }
  const times = (await Promise.all(answers)).map(({ ms }) => ms);
  await atRest(server, hot);
  const end = await cpuSeconds(server, hot);
  const each = (of: "server" | "redis"): number => {
    const always = (begin[of] - idle[of]) / (begin.at - idle.at);
    return Math.max(0, ((end[of] - begin[of] - always * (end.at - begin.at)) / times.length) * 1e6);
  };
  return { server: each("server"), redis: each("redis"), ack: latency(times).p50 };
}

/** Median ms of a call, made so many times one after the other. */
export async function medianOf(times: number, call: (n: number) => Promise<number>): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < times; n++) all.push(await call(n));
  return spread(all).median;
}

/** Largest value of a line as a multiple of its smallest. */
export function growthOf({ points }: Line): number {
  const values = points.map(([, y]) => y);
  return Math.max(...values) / Math.min(...values);
}

/** Does things at so many hands. */
export async function inParallel<Item>(items: Iterable<Item>, hands: number, work: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = Iterator.from(items);
  await Promise.all(
    Array.from({ length: hands }, async () => {
      for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
    }),
  );
}
