import { expect, test } from "vitest";
import { edgesOf } from "#shared/graph/record.ts";
import { crowdPairs } from "./graph-people.ts";

const crowd = { people: 5_000, follows: 100_000, friendships: 4_000 };
const now = Date.UTC(2026, 0, 1);

test("a crowd has as many people and relations as asked for, each pair once, the same for each seed", () => {
  const pairs = [...crowdPairs(crowd, 7, now)];
  const edges = pairs.flatMap(edgesOf);
  expect(edges.filter(({ kind }) => kind === "FOLLOWS")).toHaveLength(crowd.follows);
  expect(edges.filter(({ kind }) => kind === "FRIEND")).toHaveLength(crowd.friendships * 2);
  expect(new Set(pairs.map(({ a, b }) => `${a} ${b}`)).size).toBe(pairs.length);
  expect(pairs.every(({ a, b }) => a < b)).toBe(true);
  expect([...crowdPairs(crowd, 7, now)]).toEqual(pairs);
});

test("fame is as a power of the rank: few are followed by a great part, most by few", () => {
  const followers = new Map<string, number>();
  const following = new Map<string, number>();
  for (const { kind, from, to } of [...crowdPairs(crowd, 7, now)].flatMap(edgesOf)) {
    if (kind !== "FOLLOWS") continue;
    followers.set(to, (followers.get(to) ?? 0) + 1);
    following.set(from, (following.get(from) ?? 0) + 1);
  }
  const most = [...followers.values()].toSorted((x, y) => y - x);
  expect(most[0]).toBeGreaterThan(crowd.people / 10);
  expect(most[50]! * 10).toBeLessThan(most[0]! * 5);
  expect(most[crowd.people / 2]).toBeLessThan(20);
  expect(Math.max(...following.values())).toBeGreaterThan(200);
});
