import { expect, test } from "vitest";
import type { Pair, Place } from "#shared/graph/port.ts";
import { between, change, follows, friends, namesOf, pairOf, writeNew } from "./people.ts";
import type { TestGraph } from "./servers.ts";

const inPages = (rows: readonly Pair[]): { a: string; b: string } | null => rows.at(-1) ?? null;

/** What a graph promises of lists, of scans and of what was loaded. */
export function listsContract(world: () => TestGraph): void {
  test("lists are newest first, those of one moment by user, and have requests of both directions", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan, eva } = namesOf("ann", "bob", "cas", "dan", "eva");
    await writeNew(
      graph,
      between(ann, bob, { mine: { following: 30, blocking: 1 }, theirs: { following: 9 }, friends: 5 }),
      between(ann, cas, { mine: { following: 40, contact: { since: 2, alias: "c" } }, theirs: { requested: { since: 8, note: "" } } }),
      between(ann, dan, { mine: { following: 30, requested: { since: 7, note: "please" } } }),
      between(ann, eva, { theirs: { following: 10, blocking: 3, contact: { since: 1, alias: "a" } } }),
    );
    const list = async (kind: Parameters<typeof graph.list>[1]) => (await graph.list(ann, kind, null, 10)).map(({ user }) => user);
    expect(await list("following")).toEqual([cas, bob, dan]);
    expect(await list("followers")).toEqual([eva, bob]);
    expect(await list("friends")).toEqual([bob]);
    expect(await list("contacts")).toEqual([cas]);
    expect(await list("requests")).toEqual([cas, dan]);
    expect(await list("blocked")).toEqual([bob]);
    expect(await graph.list("nobody.at.all", "friends", null, 10)).toEqual([]);
  });

  test("a walk through a list gives everything that stays, once, while others come and go", async () => {
    const { graph } = world();
    const { ann } = namesOf("ann");
    const people = Array.from({ length: 12 }, (_, i) => `${ann}.f${String(i).padStart(2, "0")}`);
    await writeNew(graph, ...people.map((peer, i) => follows(peer, ann, 1_000 + Math.floor(i / 3))));
    const seen: Place[] = [];
    let after: Place | null = null;
    for (let page = 0; ; page++) {
      const rows: Place[] = await graph.list(ann, "followers", after, 5);
      seen.push(...rows);
      if (rows.length < 5) break;
      after = rows.at(-1)!;
      if (page === 0) {
        await writeNew(graph, follows(`${ann}.new`, ann, 2_000));
        await change(graph, between(people[11]!, ann, {}));
        await change(graph, between(people[0]!, ann, {}));
      }
    }
    const users = seen.map(({ user }) => user);
    const expected = people.map((user, i) => ({ user, since: 1_000 + Math.floor(i / 3) }));
    const ordered = expected.toSorted((x, y) => y.since - x.since || (x.user < y.user ? -1 : 1)).map(({ user }) => user);
    expect(users).toEqual(ordered.filter((user) => user !== people[0]));
  });

  test("a scan gives every pair that ever was, in order, in pages", async () => {
    const { graph } = world();
    const { a, "a-b": dashed, "a.b": dotted, aB, b } = namesOf("a", "a-b", "a.b", "aB", "b");
    const users = [a, dashed, dotted, aB, b];
    const pairs = users.flatMap((one, i) => users.slice(i + 1).map((another) => follows(one, another, 5)));
    await writeNew(graph, ...pairs);
    await change(graph, between(a, b, {}));
    const found: Pair[] = [];
    let after: { a: string; b: string } | null = null;
    for (;;) {
      const rows = await graph.scan(after, 3);
      found.push(...rows);
      after = inPages(rows);
      if (rows.length < 3) break;
    }
    const keys = found.map((pair) => `${pair.a} ${pair.b}`);
    expect(keys).toEqual([...new Set(keys)].toSorted((x, y) => (x < y ? -1 : 1)));
    const own = found.filter(({ a: one, b: another }) => users.includes(one) && users.includes(another));
    expect(own).toHaveLength(10);
    expect(own.find((pair) => pair.a === a && pair.b === b)).toEqual(await pairOf(graph, a, b));
  });

  test("loaded pairs are there like written ones, without notes", async () => {
    const { graph } = world();
    const { ann, bob, cas } = namesOf("ann", "bob", "cas");
    await writeNew(graph, follows(bob, ann, 3));
    const texts = { contact: { since: 2, alias: `"quoted", 'so'\nand\\so` }, requested: { since: 9, note: "" } };
    const loaded = [between(ann, cas, { mine: { following: 4, declined: 1 }, theirs: texts }), friends(bob, cas, 6)];
    await graph.load(loaded);
    expect(await graph.pairs(loaded)).toEqual(loaded);
    expect((await graph.unsettled(Date.now() + 1, 1_000)).filter(({ a }) => a === ann || a === bob)).toHaveLength(1);
    expect(await graph.list(ann, "requests", null, 5)).toEqual([{ user: cas, since: 9 }]);
    expect(await graph.path(ann, bob, 6)).toEqual([ann, cas, bob]);
    await change(graph, between(ann, cas, {}));
    expect(await graph.path(ann, bob, 6)).toEqual([]);
    await graph.load([]);
  });
}
