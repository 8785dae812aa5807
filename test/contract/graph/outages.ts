import { expect, test } from "vitest";
import { Refusal } from "#shared/wire/errors.ts";
import type { Graph } from "#shared/graph/port.ts";
import { halt } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import { follows, namesOf, writeNew } from "./people.ts";
import type { TestGraph } from "./servers.ts";

const BACK_MS = 60_000;
/** A refusal takes 2 s at most (ms), and what a busy machine adds. */
const SOON = 5_000;
/** A Neo4j takes half a minute to come back on a busy machine. */
const RESTART_MS = 180_000;

async function untilBack(graph: Graph): Promise<void> {
  const answers = () =>
    graph.ping().then(
      () => true,
      () => false,
    );
  await until(answers, BACK_MS, () => "an answer of the graph");
}

/** Every way to ask, while the graph is away: each must be refused with 108, soon. */
async function allRefused(graph: Graph): Promise<void> {
  const { ann, bob } = namesOf("ann", "bob");
  const asks: (() => Promise<unknown>)[] = [
    () => graph.pairs([{ a: ann, b: bob }]),
    () => graph.write([{ pair: follows(ann, bob, 1), from: 0 }]),
    () => graph.settled([{ a: ann, b: bob, version: 1 }]),
    () => graph.unsettled(1, 1),
    () => graph.list(ann, "friends", null, 1),
    () => graph.mutual(ann, bob, 1),
    () => graph.suggest(ann, 1),
    () => graph.path(ann, bob, 6),
    () => graph.secondRing(ann, 1),
    () => graph.scan(null, 1),
    () => graph.ping(),
  ];
  const refused = asks.map(async (ask) => {
    const start = performance.now();
    const error: unknown = await ask().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return { code: error instanceof Refusal ? error.code : error, late: performance.now() - start > SOON };
  });
  expect(await Promise.all(refused)).toEqual(asks.map(() => ({ code: 108, late: false })));
}

/** What a graph promises while its server is away, and after. */
export function outagesContract(world: () => TestGraph): void {
  test("a stopped server is not waited for, and answers again when it goes on", async () => {
    const { graph, other, hasty, pid } = world();
    const { ann, bob } = namesOf("ann", "bob");
    await writeNew(graph, follows(ann, bob, 1));
    await halt(pid());
    try {
      await allRefused(hasty);
      await expect(hasty.list(ann, "friends", null, 1)).rejects.toMatchObject({ code: 108 });
    } finally {
      process.kill(pid(), "SIGCONT");
    }
    for (const each of [graph, other, hasty]) await untilBack(each);
    expect(await graph.list(ann, "following", null, 5)).toHaveLength(1);
  });

  test(
    "after a kill -9 in the middle of writes each acknowledged one is there, whole",
    async () => {
      const { graph, other, kill, revive } = world();
      const { ann } = namesOf("ann");
      const acknowledged: string[] = [];
      const writing = [graph, other].map(async (mine, w) => {
        for (let i = 0; ; i++) {
          const peers = [`${ann}.w${w}.${i}.x`, `${ann}.w${w}.${i}.y`];
          await mine.write(peers.map((peer) => ({ pair: follows(ann, peer, 1_000 + i), from: 0 })));
          acknowledged.push(...peers);
        }
      });
      const stopped = Promise.all(writing.map((one) => expect(one).rejects.toMatchObject({ code: 108 })));
      await until(
        () => acknowledged.length > 200,
        30_000,
        () => `200 acknowledged writes, there are ${acknowledged.length}`,
      );
      kill();
      await stopped;
      await allRefusedOrBack(graph);
      await revive();
      await untilBack(graph);
      await untilBack(other);
      const listed = new Set<string>();
      for (let after = null; ;) {
        const page = await graph.list(ann, "following", after, 200);
        for (const { user } of page) listed.add(user);
        if (page.length < 200) break;
        after = page.at(-1)! as never;
      }
      expect(acknowledged.filter((user) => !listed.has(user))).toEqual([]);
      const pairs = await graph.pairs([...listed].map((user) => ({ a: ann, b: user })));
      expect(pairs.filter(({ version }) => version !== 1)).toEqual([]);
      expect((await graph.unsettled(Date.now() + 1, 100_000)).filter(({ a }) => a === ann)).toHaveLength(listed.size);
      await writeNew(graph, follows(ann, `${ann}.after`, 5));
    },
    RESTART_MS,
  );
}

/** Right after a kill a call is refused, or the server is back already. */
async function allRefusedOrBack(graph: Graph): Promise<void> {
  const error: unknown = await graph.ping().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error !== null) expect(error).toMatchObject({ code: 108 });
}
