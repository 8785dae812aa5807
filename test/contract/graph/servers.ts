import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGraph } from "#infra/graph/child.ts";
import { type Neo4jChild, startNeo4j } from "#infra/neo4j/start.ts";
import { openEmbeddedGraph } from "#shared/graph/embedded.ts";
import { guarded } from "#shared/graph/guarded.ts";
import { openNeo4jGraph } from "#shared/graph/neo4j.ts";
import { prepareNeo4j } from "#shared/graph/neo4j-start.ts";
import type { Graph } from "#shared/graph/port.ts";
import { createLogger } from "#shared/run/logger.ts";
import { friends } from "./people.ts";

/** A graph of a test file's own, with its server. */
export interface TestGraph extends AsyncDisposable {
  /** As a process of Tributary has it. */
  graph: Graph;
  /** As another process has it. */
  other: Graph;
  /** Of the server. */
  pid: () => number;
  /** kill -9 of the server. */
  kill: () => void;
  /** Sees to it that a killed server is started again. */
  revive: () => Promise<void>;
}

const PASSWORD = "a password of the tests";

/** The embedded graph; it is started again by itself. */
export async function startEmbedded(): Promise<TestGraph & { dir: string }> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-graph-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const child = stack.use(await startGraph({ dir, secret: PASSWORD, logger: createLogger("silent", { role: "test" }) }));
  const open = () => stack.use(guarded(openEmbeddedGraph({ url: child.url, secret: PASSWORD })));
  const [graph, other] = [open(), open()];
  const held = stack.move();
  return {
    dir,
    graph,
    other,
    pid: () => child.pid(),
    kill: () => void process.kill(child.pid(), "SIGKILL"),
    revive: async () => {},
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** So quick is a round of questions of a server that is warm, also on a busy machine (ms). */
const WARM_MS = 300;
const MOST_ROUNDS = 40;

/** A Java that has just started takes seconds for its first answers, which a guarded graph does not wait for. */
async function warmUp(access: Neo4jChild): Promise<void> {
  await using graph = openNeo4jGraph(access);
  for (let n = 0; n < MOST_ROUNDS; n++) {
    const from = performance.now();
    await askEverything(graph);
    if (performance.now() - from < WARM_MS) return;
  }
}

async function askEverything(graph: Graph): Promise<void> {
  const pairs = ["one", "two", "three"].map((name) => friends("warm", `${name}.${randomUUID()}`, 1));
  await graph.pairs(pairs);
  await graph.write(pairs.map((pair) => ({ pair, from: 0 })));
  await graph.settled(pairs);
  await graph.unsettled(0, 1);
  await Promise.all([graph.suggest("warm", 1), graph.secondRing("warm", 1), graph.path("warm", "cold", 6), graph.scan(null, 1)]);
}

/** A Neo4j with authentication on, prepared as the start of a server does it. */
export async function startNeo4jServer(): Promise<TestGraph & { access: Neo4jChild }> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-neo4j-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const options = { dir, password: PASSWORD, say: (words: string) => void process.stdout.write(`${words}\n`) };
  let child = await startNeo4j(options);
  stack.defer(() => child[Symbol.asyncDispose]());
  await prepareNeo4j(child);
  await warmUp(child);
  const open = () => stack.use(guarded(openNeo4jGraph(child)));
  const [graph, other] = [open(), open()];
  const held = stack.move();
  return {
    access: child,
    graph,
    other,
    pid: () => child.pid,
    kill: () => void process.kill(child.pid, "SIGKILL"),
    revive: async () => {
      const { port } = child;
      await child.kill();
      child = await startNeo4j({ ...options, port });
      await warmUp(child);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
