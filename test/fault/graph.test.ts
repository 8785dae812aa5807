import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startGraph } from "#infra/graph/child.ts";
import { openEmbeddedGraph } from "#shared/graph/embedded.ts";
import type { Graph, ListKind, Pair } from "#shared/graph/port.ts";
import { edgesOf, pairKey, strangers } from "#shared/graph/record.ts";
import { createLogger } from "#shared/run/logger.ts";
import { createRandom, type Random, seedOf } from "../support/random.ts";
import { until } from "../support/until.ts";

const SECRET = "a secret of the tests";
const PEOPLE = Array.from({ length: 24 }, (_, i) => `p${String(i).padStart(2, "0")}`);
const ROUNDS = 12;

/** Any pair of some version, with all kinds of things between its users. */
function anyPair(random: Random, { a, b }: { a: string; b: string }, version: number): Pair {
  const at = () => (random.between(0, 2) === 0 ? 1_000 + random.between(0, 1_000) : null);
  const said = () => (random.between(0, 3) === 0 ? 1_000 + version : null);
  const side = () => {
    const [contact, requested] = [said(), said()];
    return {
      following: at(),
      contact: contact === null ? null : { since: contact, alias: `alias ${version}` },
      requested: requested === null ? null : { since: requested, note: "" },
      blocking: at(),
      declined: at(),
    };
  };
  return { ...strangers(a, b), version, friends: at(), ab: side(), ba: side() };
}

/** Writes pairs of a model until the graph is away; what was acknowledged is in the model, what was not in `doubtful`. */
async function writeOn(
  graph: Graph,
  random: Random,
  model: Map<string, Pair>,
  doubtful: Map<string, Pair>,
  busy: Set<string>,
): Promise<void> {
  for (;;) {
    const pairs = Array.from({ length: random.between(1, 5) }, () => {
      const one = random.between(0, PEOPLE.length - 2);
      return { a: PEOPLE[one]!, b: PEOPLE[random.between(one + 1, PEOPLE.length - 1)]! };
    }).filter(({ a, b }) => !busy.has(pairKey(a, b)) && busy.add(pairKey(a, b)));
    const writes = pairs.map((pair) => {
      const from = model.get(pairKey(pair.a, pair.b))?.version ?? 0;
      return { pair: anyPair(random, pair, from + 1), from };
    });
    try {
      const fresh = writes.length > 0 && writes.every(({ from }) => from === 0) && random.between(0, 1) === 0;
      if (fresh) await graph.load(writes.map(({ pair }) => pair));
      else expect(await graph.write(writes)).toEqual(writes.map(() => true));
    } catch (error) {
      for (const { pair } of writes) doubtful.set(pairKey(pair.a, pair.b), pair);
      if (error instanceof Error && error.name === "AssertionError") throw error;
      return;
    }
    for (const { pair } of writes) {
      model.set(pairKey(pair.a, pair.b), pair);
      busy.delete(pairKey(pair.a, pair.b));
    }
  }
}

const lists: ListKind[] = ["followers", "following", "friends", "contacts", "blocked"];
const kindOf = {
  followers: "FOLLOWS",
  following: "FOLLOWS",
  friends: "FRIEND",
  contacts: "CONTACT",
  blocked: "BLOCKS",
  requests: "REQUESTED",
};

/** The graph is what the model says, but for writes whose answer was lost: these took place or not. Takes over what is. */
async function compare(graph: Graph, model: Map<string, Pair>, doubtful: Map<string, Pair>): Promise<void> {
  const found = new Map((await graph.scan(null, 100_000)).map((pair) => [pairKey(pair.a, pair.b), pair]));
  for (const [key, pair] of doubtful) if (found.get(key)?.version === pair.version) model.set(key, pair);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(model));
  const edges = [...found.values()].flatMap(edgesOf);
  for (const user of PEOPLE) {
    for (const kind of lists) {
      const [own, peer] = kind === "followers" ? (["to", "from"] as const) : (["from", "to"] as const);
      const expected = edges.filter((edge) => edge.kind === kindOf[kind] && edge[own] === user).map((edge) => edge[peer]);
      const listed = (await graph.list(user, kind, null, 1_000)).map((place) => place.user);
      expect({ user, kind, listed: listed.toSorted() }).toEqual({ user, kind, listed: expected.toSorted() });
    }
  }
}

test("the embedded graph is killed again and again while it is written to, and holds all that it acknowledged", async () => {
  const random = createRandom(seedOf("graph crashes"));
  const dir = await mkdtemp(join(tmpdir(), "tributary-graph-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  // A short journal: crashes fall into snapshots too.
  const child = await startGraph({ dir, secret: SECRET, journal: 20_000, logger: createLogger("silent", { role: "test" }) });
  onTestFinished(() => child[Symbol.asyncDispose]());
  const graph = openEmbeddedGraph({ url: child.url, secret: SECRET });
  const answers = () =>
    graph.ping().then(
      () => true,
      () => false,
    );
  const model = new Map<string, Pair>();
  for (let round = 0; round < ROUNDS; round++) {
    const [doubtful, busy] = [new Map<string, Pair>(), new Set<string>()];
    const writers = Array.from({ length: 4 }, () => writeOn(graph, random, model, doubtful, busy));
    const versions = () => [...model.values()].reduce((sum, { version }) => sum + version, 0);
    const enough = versions() + random.between(1, 150);
    await until(
      () => versions() >= enough,
      30_000,
      () => `${enough} acknowledged writes, there are ${versions()}`,
    );
    process.kill(child.pid(), "SIGKILL");
    await Promise.all(writers);
    await until(answers, 30_000, () => "an answer of the graph after it was killed");
    await compare(graph, model, doubtful);
  }
});
