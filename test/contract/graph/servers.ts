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
import { warmUp } from "#test/support/neo4j.ts";

/** A graph of a test file's own, with its server. */
export interface TestGraph extends AsyncDisposable {
  /** As a process of Tributary has it, but more patient: machines of tests may be slow. */
  graph: Graph;
  /** As another process has it. */
  other: Graph;
  /** As a process has it. */
  hasty: Graph;
  /** Of the server. */
  pid: () => number;
  /** kill -9 of the server. */
  kill: () => void;
  /** Sees to it that a killed server is started again. */
  revive: () => Promise<void>;
}

const PASSWORD = "a password of the tests";
/** Longest wait for an answer (ms), where the wait is not what is looked at. */
const PATIENCE = 8_000;

/** The embedded graph; it is started again by itself. */
export async function startEmbedded(): Promise<TestGraph & { dir: string }> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-graph-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const child = stack.use(await startGraph({ dir, secret: PASSWORD, logger: createLogger("silent", { role: "test" }) }));
  const open = (patience?: number) => stack.use(guarded(openEmbeddedGraph({ url: child.url, secret: PASSWORD }), patience));
  const [graph, other, hasty] = [open(PATIENCE), open(PATIENCE), open()];
  const held = stack.move();
  return {
    dir,
    graph,
    other,
    hasty,
    pid: () => child.pid(),
    kill: () => void process.kill(child.pid(), "SIGKILL"),
    revive: async () => {},
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A Neo4j with authentication on, prepared as the start of a server does it. */
export async function startNeo4jServer(): Promise<TestGraph & { access: Neo4jChild }> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-neo4j-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const options = { dir, password: PASSWORD, shortLived: true, say: (words: string) => void process.stdout.write(`${words}\n`) };
  let child = await startNeo4j(options);
  stack.defer(() => child[Symbol.asyncDispose]());
  await prepareNeo4j(child);
  await warmUp(child);
  const open = (patience?: number) => stack.use(guarded(openNeo4jGraph(child, patience), patience));
  const [graph, other, hasty] = [open(PATIENCE), open(PATIENCE), open()];
  const held = stack.move();
  return {
    access: child,
    graph,
    other,
    hasty,
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
