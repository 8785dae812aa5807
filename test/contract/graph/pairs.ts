import { expect, test } from "vitest";
import { strangers } from "#shared/graph/record.ts";
import { between, blocks, change, daysAgo, follows, friends, namesOf, pairOf, writeNew } from "./people.ts";
import type { TestGraph } from "./servers.ts";

/** What a graph promises of single pairs. */
export function pairsContract(world: () => TestGraph): void {
  test("users with nothing between them are a pair of version 0, and answers stand in the order of the questions", async () => {
    const { graph } = world();
    const { ann, bob, cas } = namesOf("ann", "bob", "cas");
    await writeNew(graph, friends(ann, cas, 5));
    const asked = [
      { a: bob, b: cas },
      { a: ann, b: cas },
      { a: ann, b: bob },
      { a: ann, b: cas },
    ];
    const found = await graph.pairs(asked);
    expect(found.map(({ a, b, version }) => ({ a, b, version }))).toEqual(asked.map((pair, i) => ({ ...pair, version: i % 2 })));
    expect(found[0]).toEqual(strangers(bob, cas));
    expect(await graph.pairs([])).toEqual([]);
  });

  test("a pair is read as it was written, whatever stands in its texts", async () => {
    const { graph, other } = world();
    const texts = ["", "a,b\r\nc", `'"\\\`$x {y}`, "ünï 🙂", "null"];
    const pairs = texts.map((text, i) => {
      const { ann, bob } = namesOf("ann", "bob");
      const mine = { following: 10 + i, contact: { since: 3, alias: text }, requested: null, blocking: 7, declined: 8 };
      const theirs = { following: null, contact: null, requested: { since: 4, note: text }, blocking: null, declined: daysAgo(1) };
      return between(ann, bob, { mine, theirs, version: 1 });
    });
    await writeNew(graph, ...pairs);
    expect(await other.pairs(pairs)).toEqual(pairs);
  });

  test("a call writes the pairs that nobody else wrote, and tells which", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan } = namesOf("ann", "bob", "cas", "dan");
    await writeNew(graph, follows(ann, bob, 1));
    const next = { ...friends(ann, bob, 2), version: 2 };
    const written = await graph.write([
      { pair: { ...follows(bob, cas, 1), version: 4 }, from: 3 },
      { pair: next, from: 1 },
      { pair: follows(ann, dan, 1), from: 0 },
    ]);
    expect(written).toEqual([false, true, true]);
    expect(await pairOf(graph, bob, cas)).toEqual(strangers(bob, cas));
    expect(await pairOf(graph, ann, bob)).toEqual(next);
    expect(await graph.write([{ pair: { ...next, friends: 9 }, from: 1 }])).toEqual([false]);
    expect(await pairOf(graph, ann, bob)).toEqual(next);
  });

  test("of many who write one pair at once, in two processes, each version has one writer", async () => {
    const { graph, other } = world();
    const { ann, bob } = namesOf("ann", "bob");
    const writers = [graph, other, graph, other, graph, other];
    const taken = await Promise.all(
      writers.map(async (mine, writer) => {
        const versions: number[] = [];
        for (let tries = 0; tries < 20; tries++) {
          const { version } = await pairOf(mine, ann, bob);
          const pair = { ...follows(ann, bob, writer + 1), version: version + 1 };
          const [written] = await mine.write([{ pair, from: version }]);
          if (written === true) versions.push(version + 1);
        }
        return versions;
      }),
    );
    const versions = taken.flat().toSorted((x, y) => x - y);
    expect(versions).toEqual(versions.map((_, i) => i + 1));
    const last = await pairOf(graph, ann, bob);
    expect(last.version).toBe(versions.length);
    expect(taken[last.ab.following! - 1]).toContain(versions.length);
    expect(await graph.list(ann, "following", null, 10)).toEqual([{ user: bob, since: last.ab.following }]);
  });

  test("many pairs of the same users are written at once, each whole", async () => {
    const { graph, other } = world();
    const { ann } = namesOf("ann");
    const peers = Array.from({ length: 60 }, (_, i) => `${ann}.peer${i}`);
    const written = await Promise.all(
      peers.map((peer, i) => (i % 2 === 0 ? graph : other).write([{ pair: follows(ann, peer, 1_000 + i), from: 0 }])),
    );
    expect(written.flat()).toEqual(peers.map(() => true));
    const listed = await graph.list(ann, "following", null, 100);
    expect(listed).toEqual(peers.map((user, i) => ({ user, since: 1_000 + i })).toReversed());
  });

  test("what ends is gone from the lists, and the version goes on", async () => {
    const { graph } = world();
    const { ann, bob } = namesOf("ann", "bob");
    await writeNew(graph, between(ann, bob, { mine: { following: 4, contact: { since: 5, alias: "b" } }, friends: 3 }));
    await change(graph, between(ann, bob, {}));
    for (const kind of ["following", "friends", "contacts", "followers"] as const) {
      expect(await graph.list(ann, kind, null, 10)).toEqual([]);
      expect(await graph.list(bob, kind, null, 10)).toEqual([]);
    }
    await change(graph, blocks(ann, bob));
    expect(await pairOf(graph, ann, bob)).toMatchObject({ version: 3 });
    expect((await graph.list(ann, "blocked", null, 10)).map(({ user }) => user)).toEqual([bob]);
  });

  test("each written pair is noted until it is settled at its version", async () => {
    const { graph } = world();
    const { ann, bob, cas } = namesOf("ann", "bob", "cas");
    const start = Date.now();
    const noted = async (before: number) => (await graph.unsettled(before, 1_000)).filter(({ a }) => a === ann);
    await writeNew(graph, follows(ann, bob, 1), follows(ann, cas, 1));
    expect(await noted(start)).toEqual([]);
    const all = await noted(Date.now() + 1);
    expect(all).toEqual([
      { a: ann, b: bob, version: 1, at: expect.any(Number) as number },
      { a: ann, b: cas, version: 1, at: expect.any(Number) as number },
    ]);
    expect(all.every(({ at }) => at >= start && at <= Date.now())).toBe(true);
    expect(await graph.unsettled(Date.now() + 1, 1)).toHaveLength(1);
    await change(graph, friends(ann, bob, 2));
    await graph.settled([
      { a: ann, b: bob, version: 1 },
      { a: ann, b: cas, version: 1 },
    ]);
    expect(await noted(Date.now() + 1)).toMatchObject([{ a: ann, b: bob, version: 2 }]);
    await graph.settled([{ a: ann, b: bob, version: 2 }]);
    expect(await noted(Date.now() + 1)).toEqual([]);
    await graph.settled([{ a: bob, b: cas, version: 1 }]);
  });
}
