import { array, assert, constantFrom, integer, property, record, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { mix, ONE_IN } from "./mix.ts";
import { newestFirst, type Rank } from "./mixer-merge.ts";

interface One extends Rank {
  whose: "own" | "other";
}

const ranked = (whose: One["whose"], keys: readonly number[]): One[] =>
  keys.map((key): One => ({ whose, key: String(key), conversationId: whose === "own" ? "1" : "2", seq: key })).toSorted(newestFirst);

const aKey = integer({ min: 1, max: 400 });

/** Pages of a walk through one's own messages, as `timeline.read` makes them of what its mixer gives. */
function walk(own: readonly One[], others: readonly One[], limit: number): One[][] {
  const pages: One[][] = [];
  let from: string | null = null;
  for (let rest = own; ;) {
    const page = rest.slice(0, limit);
    const ended = page.length === rest.length;
    const extras = others.filter(({ key }) => from === null || Number(key) <= Number(from)).slice(0, Math.floor(limit / ONE_IN));
    const mixed: { items: One[]; own: number } = mix(page, extras, limit, ended ? null : (page.at(-1)?.key ?? null));
    pages.push(mixed.items);
    if (ended && mixed.own === page.length) return pages;
    from = page[mixed.own - 1]?.key ?? from;
    rest = rest.slice(mixed.own);
  }
}

const scenes = record({
  own: uniqueArray(aKey, { maxLength: 60 }),
  others: uniqueArray(aKey, { maxLength: 60 }),
  limit: integer({ min: 1, max: 25 }),
});

test("a walk gives all of one's own in order, none of another twice, and no more of them than one in five of a page", () => {
  assert(
    property(scenes, ({ own, others, limit }) => {
      const pages = walk(ranked("own", own), ranked("other", others), limit);
      const all = pages.flat();
      expect(all.filter(({ whose }) => whose === "own")).toEqual(ranked("own", own));
      for (const [i, { key }] of all.entries()) expect(Number(key)).toBeLessThanOrEqual(Number(all[i - 1]?.key ?? Infinity));
      expect(new Set(all).size).toBe(all.length);
      for (const page of pages) {
        expect(page.length).toBeLessThanOrEqual(limit);
        expect(page.filter(({ whose }) => whose === "other").length * ONE_IN).toBeLessThanOrEqual(page.length);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a page whose stretch holds enough of others has as many as there may be", () => {
  const newer = array(constantFrom("other"), { minLength: 10, maxLength: 30 });
  assert(
    property(newer, integer({ min: 5, max: 40 }), (others, limit) => {
      const extras = ranked(
        "other",
        others.map((_, i) => 1_000 + i),
      );
      const own = ranked(
        "own",
        Array.from({ length: limit }, (_, i) => i + 1),
      );
      const most = Math.floor(limit / ONE_IN);
      const { items } = mix(own, extras, limit, "1");
      expect(items.filter(({ whose }) => whose === "other")).toEqual(extras.slice(0, Math.min(most, extras.length)));
      expect(items).toHaveLength(limit);
    }),
  );
});

describe("where there is little of one's own", () => {
  test.each([
    [0, 0],
    [3, 0],
    [4, 1],
    [7, 1],
    [8, 2],
  ])("%i of them take %i of others", (mine, theirs) => {
    const own = ranked(
      "own",
      Array.from({ length: mine }, (_, i) => i + 1),
    );
    const { items } = mix(own, ranked("other", [100, 101, 102, 103, 104]), 50, null);
    expect(items).toHaveLength(mine + theirs);
  });
});
