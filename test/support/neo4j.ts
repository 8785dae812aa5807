import { randomUUID } from "node:crypto";
import { type Neo4jAccess, openDriver, openNeo4jGraph } from "#shared/graph/neo4j.ts";
import type { Graph, Pair, Side } from "#shared/graph/port.ts";
import { inOrder, strangers } from "#shared/graph/record.ts";

/** So quick is a round of questions of a server that is warm, also on a busy machine (ms). */
const WARM_MS = 1_000;
const MOST_ROUNDS = 20;
/** Longest wait for a connection while other servers start beside it (ms). */
const PATIENCE = 20_000;

/** A Java that has just started takes seconds for its first answers, which a guarded graph does not wait for. Leaves a few users behind. */
export async function warmUp(access: Neo4jAccess): Promise<void> {
  await using graph = openNeo4jGraph(access, PATIENCE);
  for (let n = 0; n < MOST_ROUNDS; n++) {
    const from = performance.now();
    await askEverything(graph);
    if (performance.now() - from < WARM_MS) return;
  }
}

/** Makes and ends ties of every kind, for each kind has statements of its own to be planned. */
async function askEverything(graph: Graph): Promise<void> {
  const nothing = ["one", "two", "three"].map((name): Pair => {
    const { a, b } = inOrder("warm", `${name}.${randomUUID()}`);
    return { ...strangers(a, b), version: 2 };
  });
  const side: Side = { following: 1, contact: { since: 1, alias: "a" }, requested: { since: 1, note: "n" }, blocking: 1, declined: 1 };
  const everything = nothing.map((pair): Pair => ({ ...pair, version: 1, friends: 1, ab: side, ba: side }));
  await graph.write(everything.map((pair) => ({ pair, from: 0 })));
  await graph.pairs(everything);
  await graph.write(nothing.map((pair) => ({ pair, from: 1 })));
  await graph.settled(nothing);
  await graph.unsettled(0, 1);
  await Promise.all([graph.suggest("warm", 1), graph.secondRing("warm", 1), graph.path("warm", "cold", 6), graph.scan(null, 1)]);
}

/** Takes everybody out of it; constraints and what is known of migrations stay. */
export async function emptyNeo4j(access: Neo4jAccess): Promise<void> {
  const driver = openDriver(access, PATIENCE);
  const session = driver.session();
  try {
    await session.run("MATCH (n) WHERE NOT n:Migration CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS");
  } finally {
    await session.close();
    await driver.close();
  }
}
