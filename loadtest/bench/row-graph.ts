import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGraph } from "#infra/graph/child.ts";
import { startNeo4j } from "#infra/neo4j/start.ts";
import { openEmbeddedGraph } from "#shared/graph/embedded.ts";
import { openNeo4jGraph } from "#shared/graph/neo4j.ts";
import { prepareNeo4j } from "#shared/graph/neo4j-start.ts";
import type { Graph } from "#shared/graph/port.ts";
import { createLogger } from "#shared/run/logger.ts";
import { createRandom, type Random } from "#test/support/random.ts";
import { type Crowd, CROWD, crowdPairs, personOf } from "./graph-people.ts";
import { latency, type Effort, type Row } from "./row.ts";

const SEED = 20_261;
/** Questions of a kind that are timed in a run, after some that are not. */
const QUESTIONS = 500;
const WARM = 50;
const SUGGEST_MS = 100;
const PATH_MS = 200;
const STEPS = 6;
const PASSWORD = "a password of the bench";

/** A graph's server and a way to ask it. */
interface Side extends AsyncDisposable {
  name: string;
  graph: Graph;
  pid: number;
}

async function openSide(
  name: string,
  open: (dir: string, stack: AsyncDisposableStack) => Promise<Omit<Side, "name" | symbol>>,
): Promise<Side> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-bench-graph-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const opened = await open(dir, stack);
  const held = stack.move();
  return { ...opened, name, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

const embedded = () =>
  openSide("embedded", async (dir, stack) => {
    const child = stack.use(await startGraph({ dir, secret: PASSWORD, logger: createLogger("warn", { role: "bench" }) }));
    return { graph: stack.use(openEmbeddedGraph({ url: child.url, secret: PASSWORD })), pid: child.pid() };
  });

const neo4j = () =>
  openSide("Neo4j", async (dir, stack) => {
    const say = (words: string) => void process.stdout.write(`${words}\n`);
    const child = stack.use(await startNeo4j({ dir, password: PASSWORD, say }));
    await prepareNeo4j(child);
    return { graph: stack.use(openNeo4jGraph(child)), pid: child.pid };
  });

/** Resident memory of a process, MiB. */
async function memoryOf(pid: number): Promise<number> {
  const [, kib = "0"] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

/** Seconds that it takes to load a crowd, once it is made up. */
async function load(graph: Graph, crowd: Crowd): Promise<number> {
  const pairs = [...crowdPairs(crowd, SEED, Date.now())];
  const start = performance.now();
  await graph.load(pairs);
  return (performance.now() - start) / 1_000;
}

/** Times of questions asked one after the other, ms. */
async function timed(ask: () => Promise<unknown[]>): Promise<{ times: number[]; empty: number }> {
  const times: number[] = [];
  let empty = 0;
  for (let n = -WARM; n < QUESTIONS; n++) {
    const start = performance.now();
    const found = await ask();
    if (n < 0) continue;
    times.push(performance.now() - start);
    if (found.length === 0) empty += 1;
  }
  return { times, empty };
}

const questionsOf = (graph: Graph, random: Random, { people }: Crowd) => {
  const anyone = () => personOf(random.between(0, people - 1));
  return {
    suggest: () => graph.suggest(anyone(), 20),
    path: () => graph.path(anyone(), anyone(), STEPS),
    "second ring": () => graph.secondRing(anyone(), 20),
    "page of followers": () => graph.list(anyone(), "followers", null, 50),
    "100 pairs": () => graph.pairs(Array.from({ length: 100 }, () => ({ a: anyone(), b: anyone() })).filter(({ a, b }) => a < b)),
  };
};

const mostOf: Record<string, number> = { suggest: SUGGEST_MS, path: PATH_MS };

async function rowsOf(side: Side, crowd: Crowd, runs: number): Promise<Row[]> {
  const seconds = await load(side.graph, crowd);
  const row = (name: string, unit: string, ours: number[], most: number | null, notes: string[]): Row => ({
    row: "graph",
    name: `${side.name}: ${name}`,
    unit,
    ours,
    references: [],
    target: most === null ? null : { most },
    notes,
  });
  const random = createRandom(SEED);
  const rows: Row[] = [];
  for (const [name, ask] of Object.entries(questionsOf(side.graph, random, crowd))) {
    const tries = [];
    for (let run = 0; run < runs; run++) tries.push(await timed(ask));
    const p50 = tries.map(({ times }) => latency(times).p50.toFixed(1)).join(", ");
    const empty = tries.reduce((sum, one) => sum + one.empty, 0);
    const note = `p50 ${p50} ms; ${empty} of ${runs * QUESTIONS} found nothing`;
    const p99 = tries.map(({ times }) => latency(times).p99);
    rows.push(row(`${name}, p99`, "ms", p99, mostOf[name] ?? null, [note]));
  }
  const memory = await memoryOf(side.pid);
  const size = `${crowd.people.toLocaleString("en")} people, ${crowd.follows.toLocaleString("en")} follows, ${crowd.friendships.toLocaleString("en")} friendships`;
  return [row("load", "s", [seconds], null, [size]), row("memory after all", "MiB", [memory], null, []), ...rows];
}

/** Row graph: a crowd whose fame goes by a power law, loaded into both graphs and asked one question at a time. */
export async function graphRows({ runs, quick }: Effort): Promise<Row[]> {
  const crowd = quick ? { people: 5_000, follows: 100_000, friendships: 10_000 } : CROWD;
  const rows: Row[] = [];
  for (const open of [embedded, neo4j]) {
    await using side = await open();
    rows.push(...(await rowsOf(side, crowd, runs)));
  }
  return rows;
}
