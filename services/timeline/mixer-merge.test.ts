import fc from "fast-check";
import { expect, test } from "vitest";
import { choose, HIGHEST, newestFirst, take, type Head, type Lane } from "./mixer-merge.ts";

const head = fc.record({
  source: fc.constantFrom("inbox" as const, "mailbox" as const),
  key: fc.bigInt({ min: 1n, max: 10n ** 18n }).map(String),
  conversationId: fc.integer({ min: 1, max: 5 }).map(String),
  seq: fc.integer({ min: 1, max: 1_000 }),
  offset: fc.constant(0),
});

/** A lane over a whole list, read in steps of its own. */
function laneOver(all: readonly Head[]) {
  const sorted = all.toSorted(newestFirst);
  let read = 0;
  const lane: Lane = { heads: [], bound: HIGHEST };
  const readOn = (many: number): void => {
    const some = sorted.slice(read, read + many);
    read += some.length;
    lane.heads.push(...some);
    lane.bound = read === sorted.length ? null : (some.at(-1)?.key ?? lane.bound);
  };
  return { lane, readOn };
}

const distinct = (lists: Head[][]): Head[][] => {
  const seen = new Set<string>();
  return lists.map((list) => list.filter(({ key }) => !seen.has(key) && seen.add(key)));
};

test("pages taken one after the other are the sorted whole, whatever the lanes' steps are", () => {
  const property = fc.property(
    fc.array(fc.array(head, { maxLength: 20 }), { maxLength: 6 }),
    fc.integer({ min: 1, max: 9 }),
    (lists, limit) => {
      const wholes = distinct(lists);
      const sources = wholes.map(laneOver);
      const lanes = sources.map(({ lane }) => lane);
      const got: Head[] = [];
      for (let turns = 0; turns < 1_000; turns++) {
        const { heads, behind } = choose(lanes, limit);
        for (const { lane, readOn } of sources) if (behind.includes(lane)) readOn(1 + (turns % 3));
        if (behind.length > 0) continue;
        if (heads.length === 0) break;
        take(lanes, heads);
        got.push(...heads);
      }
      expect(got).toEqual(wholes.flat().toSorted(newestFirst));
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("heads that a lane behind cannot precede are certain without it", () => {
  const at = (key: string): Head => ({ source: "mailbox", key, conversationId: "1", seq: 1, offset: 0 });
  const open: Lane = { heads: [at("900"), at("400")], bound: null };
  const away: Lane = { heads: [], bound: "500" };
  const { heads, behind } = choose([open, away], 2);
  expect(heads.map(({ key }) => key)).toEqual(["900"]);
  expect(behind).toEqual([away]);
});

test("a lane whose bound lies below the page does not hold it up", () => {
  const at = (key: string): Head => ({ source: "mailbox", key, conversationId: "1", seq: 1, offset: 0 });
  const { heads, behind } = choose([{ heads: [at("900"), at("800")], bound: "800" } as Lane, { heads: [], bound: "700" }], 2);
  expect(heads).toHaveLength(2);
  expect(behind).toEqual([]);
});

test("keys that tie are ordered by conversation and seq", () => {
  const at = (conversationId: string, seq: number): Head => ({ source: "mailbox", key: "5", conversationId, seq, offset: 0 });
  expect([at("9", 1), at("10", 1), at("9", 2)].toSorted(newestFirst)).toEqual([at("10", 1), at("9", 2), at("9", 1)]);
});
