import { expect, test } from "vitest";
import { between, blocks, change, daysAgo, follows, friends, namesOf, writeNew } from "./people.ts";
import type { TestGraph } from "./servers.ts";

const recent = daysAgo(2);

/** What a graph promises of chains between users. */
export function chainsContract(world: () => TestGraph): void {
  test("mutual friends are those of both, by user", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan, eva } = namesOf("ann", "bob", "cas", "dan", "eva");
    const ties = [friends(ann, cas, 1), friends(bob, cas, 2), friends(ann, dan, 3), friends(bob, dan, 4), friends(ann, eva, 5)];
    await writeNew(graph, ...ties, follows(bob, eva, 6));
    expect(await graph.mutual(ann, bob, 10)).toEqual([cas, dan]);
    expect(await graph.mutual(bob, ann, 1)).toEqual([cas]);
    expect(await graph.mutual(ann, "nobody.at.all", 10)).toEqual([]);
  });

  test("a path is the shortest chain in its direction, within its limit", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan, eva, fay } = namesOf("ann", "bob", "cas", "dan", "eva", "fay");
    const contact = between(bob, cas, { mine: { contact: { since: 1, alias: "" } } });
    await writeNew(
      graph,
      follows(ann, bob, 1),
      contact,
      friends(cas, dan, 1),
      follows(dan, eva, 1),
      follows(ann, eva, 1),
      follows(eva, fay, 1),
    );
    expect(await graph.path(ann, dan, 6)).toEqual([ann, bob, cas, dan]);
    expect(await graph.path(ann, dan, 3)).toEqual([ann, bob, cas, dan]);
    expect(await graph.path(ann, dan, 2)).toEqual([]);
    expect(await graph.path(ann, fay, 6)).toEqual([ann, eva, fay]);
    expect(await graph.path(dan, ann, 6)).toEqual([]);
    expect(await graph.path(dan, cas, 1)).toEqual([dan, cas]);
    expect(await graph.path(ann, ann, 6)).toEqual([ann]);
    expect(await graph.path(ann, "nobody.at.all", 6)).toEqual([]);
  });

  test("chains of up to six steps are found, at each length the shortest, and around who is blocked", async () => {
    const { graph } = world();
    const { row, side } = namesOf("row", "side");
    const line = Array.from({ length: 8 }, (_, i) => `${row}.${i}`);
    const detour = Array.from({ length: 3 }, (_, i) => `${side}.${i}`);
    const steps = (chain: string[]) => chain.slice(1).map((to, i) => follows(chain[i]!, to, 1));
    await writeNew(graph, ...steps(line), ...steps([line[1]!, ...detour, line[4]!]));
    for (let length = 1; length <= 6; length++) {
      const chain = line.slice(0, length + 1);
      expect(await graph.path(line[0]!, chain.at(-1)!, 6)).toEqual(chain);
      expect(await graph.path(line[0]!, chain.at(-1)!, length)).toEqual(chain);
      if (length > 1) expect(await graph.path(line[0]!, chain.at(-1)!, length - 1)).toEqual([]);
    }
    expect(await graph.path(line[0]!, line[7]!, 6)).toEqual([]);
    expect(await graph.path(line[7]!, line[1]!, 6)).toEqual([]);
    await writeNew(graph, blocks(line[2]!, line[0]!));
    expect(await graph.path(line[0]!, line[5]!, 6)).toEqual([line[0], line[1], ...detour, line[4], line[5]]);
    expect(await graph.path(line[0]!, line[5]!, 5)).toEqual([]);
    expect(await graph.path(line[0]!, line[6]!, 6)).toEqual([]);
  });

  test("a path goes around those who block the user or are blocked by them", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan, eva, fay } = namesOf("ann", "bob", "cas", "dan", "eva", "fay");
    const short = [follows(ann, bob, 1), follows(bob, dan, 1), follows(ann, cas, 1), follows(cas, dan, 1)];
    await writeNew(graph, ...short, follows(ann, eva, 1), follows(eva, fay, 1), follows(fay, dan, 1));
    await change(graph, between(ann, bob, { mine: { following: 1 }, theirs: { blocking: 5 } }));
    expect(await graph.path(ann, dan, 6)).toEqual([ann, cas, dan]);
    await change(graph, between(ann, cas, { mine: { following: 1, blocking: 5 } }));
    expect(await graph.path(ann, dan, 6)).toEqual([ann, eva, fay, dan]);
    await writeNew(graph, blocks(dan, ann));
    expect(await graph.path(ann, dan, 6)).toEqual([]);
    expect(await graph.path(eva, dan, 6)).toEqual([eva, fay, dan]);
  });

  test("a path is found around more blocked users than are tried one by one", async () => {
    const { graph } = world();
    const { ann, zoe, via, last } = namesOf("ann", "zoe", "via", "last");
    const blocked = Array.from({ length: 12 }, (_, i) => `${ann}.blocked${i}`);
    await writeNew(
      graph,
      ...blocked.flatMap((peer) => [between(ann, peer, { mine: { following: 1 }, theirs: { blocking: 2 } }), follows(peer, zoe, 1)]),
      follows(ann, via, 1),
      follows(via, last, 1),
      follows(last, zoe, 1),
    );
    expect(await graph.path(ann, zoe, 6)).toEqual([ann, via, last, zoe]);
  });

  test("friends of friends are suggested by how many and how fresh the ties are", async () => {
    const { graph } = world();
    const { ann, bob, cas, dan, two, old, young } = namesOf("ann", "bob", "cas", "dan", "two", "old", "young");
    await writeNew(
      graph,
      friends(ann, bob, recent),
      friends(ann, cas, recent),
      friends(bob, two, recent),
      friends(cas, two, recent),
      friends(bob, old, daysAgo(400)),
      friends(cas, young, recent),
      friends(ann, dan, recent),
    );
    expect(await graph.suggest(ann, 10)).toEqual([two, young, old]);
    expect(await graph.suggest(ann, 1)).toEqual([two]);
    expect(await graph.suggest("nobody.at.all", 10)).toEqual([]);
  });

  test("authors are suggested that are followed along with the user's own", async () => {
    const { graph } = world();
    const { ann, author, fan, other, often, once } = namesOf("ann", "author", "fan", "other", "often", "once");
    await writeNew(
      graph,
      follows(ann, author, recent),
      follows(fan, author, recent),
      follows(other, author, recent),
      follows(fan, often, recent),
      follows(other, often, recent),
      follows(fan, once, recent),
    );
    expect(await graph.suggest(ann, 10)).toEqual([often, once]);
  });

  test("nobody is suggested who is known, asked, declined or blocked in either direction", async () => {
    const { graph } = world();
    const { ann, bob } = namesOf("ann", "bob");
    const held = {
      friend: { friends: recent },
      followed: { mine: { following: recent } },
      contact: { mine: { contact: { since: recent, alias: "" } } },
      asked: { mine: { requested: { since: recent, note: "" } } },
      asking: { theirs: { requested: { since: recent, note: "" } } },
      declined: { mine: { declined: recent } },
      declining: { theirs: { declined: recent } },
      blocked: { mine: { blocking: recent } },
      blocking: { theirs: { blocking: recent } },
    };
    const names = Object.keys(held).map((name) => `${ann}.${name}`);
    await writeNew(
      graph,
      friends(ann, bob, recent),
      ...names.map((name) => friends(bob, name, recent)),
      ...Object.values(held).map((some, i) => between(ann, names[i]!, some)),
      friends(bob, `${ann}.fit`, recent),
      between(ann, `${ann}.fit`, { theirs: { contact: { since: recent, alias: "" } } }),
    );
    expect(await graph.suggest(ann, 20)).toEqual([`${ann}.fit`]);
  });

  test("who follows only a much-followed author is given suggestions by the newest of its followers", async () => {
    const { graph } = world();
    const { ann, star, liked } = namesOf("ann", "star", "liked");
    const crowd = Array.from({ length: 3_000 }, (_, i) => follows(`${ann}.fan${i}`, star, recent + i));
    await graph.load([...crowd, follows(`${ann}.fan2999`, liked, recent), follows(`${ann}.fan0`, `${ann}.stale`, recent)]);
    await writeNew(graph, follows(ann, star, recent));
    expect(await graph.suggest(ann, 10)).toEqual([liked]);
  });

  test("the second ring are those whom the user's own follow or befriended, but for followed and blocked ones", async () => {
    const { graph } = world();
    const { ann, bob, cas, both, one, followed, blocked } = namesOf("ann", "bob", "cas", "both", "one", "followed", "blocked");
    await writeNew(
      graph,
      follows(ann, bob, recent),
      friends(ann, cas, recent),
      follows(bob, both, recent),
      friends(cas, both, recent),
      follows(bob, one, recent),
      follows(bob, followed, recent),
      follows(ann, followed, recent),
      follows(cas, blocked, recent),
      blocks(blocked, ann),
    );
    expect(await graph.secondRing(ann, 10)).toEqual([both, one]);
    expect(await graph.secondRing(one, 10)).toEqual([]);
  });
}
