import { Redis } from "ioredis";
import type { LoadServer } from "../lean/server.ts";
import { startLoadServer } from "../lean/server.ts";
import { startReference, type Reference } from "../reference/start.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { latency, spread, type Effort, type Row } from "./row.ts";
import { archived } from "./settled.ts";

/** Questions a second. */
const RATE = 500;
const ASKERS = 4;
/** Changes under way at once while people are brought together. */
const AT_ONCE = 20;

/** Everybody who asks has something with each of the others: mostly they follow, every fifth is a contact with an alias, every seventh is asked. */
async function prepare(server: LoadServer, others: number): Promise<Ask[]> {
  const pairs = Array.from({ length: ASKERS * others }, (_, i) => ({
    user: `asker${i % ASKERS}`,
    other: `other${Math.floor(i / ASKERS)}`,
  }));
  const asks: Ask[] = [];
  for (let first = 0; first < pairs.length; first += AT_ONCE) {
    const some = pairs.slice(first, first + AT_ONCE).map(async ({ user, other }, k): Promise<Ask> => {
      const i = first + k;
      const [act, more] = i % 5 === 0 ? ["add", { alias: `Number ${i}` }] : i % 7 === 0 ? ["request", { note: "hello" }] : ["follow", {}];
      const answer = await server.call<object>(user, `relation.${act}`, { user: other, ...more });
      return { user, method: "relation.get", data: JSON.stringify({ user: other }), expect: JSON.stringify(answer) };
    });
    asks.push(...(await Promise.all(some)));
  }
  return asks;
}

/** The bare server has the answer in a list, ready to be sent. */
async function openBare({ port, redisUrl }: Reference, answer: string): Promise<Asker> {
  const redis = new Redis(redisUrl);
  await redis.rpush("relation", answer);
  redis.disconnect();
  const data = '{"missed":"relation","from":0}';
  const asks = Array.from({ length: ASKERS }, (_, i): Ask => ({ user: `bare${i}`, method: null, data, expect: `{"missed":[${answer}]}` }));
  return openAsker({ host: "127.0.0.1", port, path: "" }, asks, () => "");
}

/** Row relations: `relation.get`, which is answered from facts in Redis, whatever the graph does. Every answer is compared with what the change answered. */
export async function relationsRows({ runs, quick }: Effort): Promise<Row[]> {
  await using reference = await startReference({ durability: "fsync" });
  await using server = await startLoadServer();
  const others = quick ? 50 : 500;
  const asks = await prepare(server, others);
  await archived(server);
  await using ours = await openAsker(server.target, asks, (user) => server.token(user));
  await using bare = await openBare(reference, asks[0]?.expect ?? "");
  const seconds = quick ? 2 : 10;
  const pid = server.process?.pid ?? 0;
  const redis = redisBelow(pid);
  const figures: Record<"p50" | "p99" | "bare50" | "bare99" | "node" | "redis", number[]> = {
    p50: [],
    p99: [],
    bare50: [],
    bare99: [],
    node: [],
    redis: [],
  };
  for (let run = -1; run < runs; run++) {
    const beside = latency(await bare.run(RATE, seconds));
    const before = [cpuOf(pid), cpuOf(redis)];
    const { p50, p99 } = latency(await ours.run(RATE, seconds));
    const [node = 0, hot = 0] = [cpuOf(pid), cpuOf(redis)].map((now, i) => ((now - (before[i] as number)) / (RATE * seconds)) * 1e6);
    if (run < 0) continue;
    for (const [name, value] of Object.entries({ p50, p99, bare50: beside.p50, bare99: beside.p99, node, redis: hot }))
      figures[name as keyof typeof figures].push(value);
  }
  const row = (name: string, values: number[], bareValues: number[], most: number | null): Row => ({
    row: "relations",
    name: `relation.get among ${others.toLocaleString("en")}, ${name}`,
    unit: "ms",
    ours: values,
    references: [{ name: "bare ws and one LRANGE", values: bareValues }],
    target: most === null ? null : { most },
    notes: [],
  });
  const last = row("p99", figures.p99, figures.bare99, 2);
  const cost = (values: number[]) => spread(values).median.toFixed(0);
  last.notes.push(`${RATE} questions/s; CPU a question: server ${cost(figures.node)} µs, Redis ${cost(figures.redis)} µs`);
  return [row("p50", figures.p50, figures.bare50, null), last];
}
