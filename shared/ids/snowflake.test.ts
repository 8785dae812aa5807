import { assert, bigInt, constantFrom, array, integer, oneof, property, record, constant } from "fast-check";
import { expect, test } from "vitest";
import { createSnowflake, IdsRefused, timeOf } from "./snowflake.ts";

const start = Date.UTC(2026, 0, 1);

test("an id is 41 bits of ms since 2024, 10 of worker and 12 of sequence, as a decimal string", () => {
  const ids = createSnowflake({ worker: 5, now: () => start });
  const base = (BigInt(start - Date.UTC(2024, 0, 1)) << 22n) | (5n << 12n);
  expect([ids.next(), ids.next()]).toEqual([String(base), String(base + 1n)]);
  expect(ids.timeOf(ids.next())).toBe(start);
});

test("each id in a ms follows the one before, also where four digits overflow", () => {
  assert(
    property(integer({ min: 0, max: 1_023 }), integer({ min: 0, max: 2 ** 40 }), (worker, ms) => {
      const ids = createSnowflake({ worker, now: () => Date.UTC(2024, 0, 1) + ms });
      const first = (BigInt(ms) << 22n) | BigInt(worker * 4_096);
      for (let n = 0n; n < 4_096n; n += 1n) expect(ids.next()).toBe(String(first + n));
      expect(ids.next()).toBe(String(first + (1n << 22n)));
    }),
    { numRuns: 30 },
  );
});

test("ids strictly rise whatever the clock does and whatever they must be above", () => {
  const step = oneof(
    record({ what: constant("clock" as const), by: integer({ min: -100_000, max: 100_000 }) }),
    record({ what: constant("burst" as const), by: constantFrom(1, 10, 5_000) }),
    record({ what: constant("above" as const), by: bigInt({ min: -(1n << 30n), max: 1n << 30n }) }),
  );
  assert(
    property(array(step, { maxLength: 40 }), integer({ min: 0, max: 1_023 }), (steps, worker) => {
      let clock = start;
      const ids = createSnowflake({ worker, now: () => clock });
      let last = BigInt(ids.next());
      const take = (id: string) => {
        expect(BigInt(id)).toBeGreaterThan(last);
        last = BigInt(id);
      };
      for (const { what, by } of steps) {
        if (what === "clock") clock += by;
        if (what === "burst") for (let n = 0; n < by; n += 1) take(ids.next());
        if (what !== "above") continue;
        const floor = last + by;
        take(ids.nextAbove(String(floor)));
        expect(last).toBeGreaterThan(floor);
      }
    }),
    { numRuns: 200 },
  );
});

test("the time is read from every id without loss", () => {
  const near = property(integer({ min: 0, max: 2 ** 41 - 1 }), bigInt({ min: 0n, max: 2n }), (ms, by) => {
    const [first, last] = [(BigInt(ms) << 22n) + by, (BigInt(ms + 1) << 22n) - 1n - by];
    for (const id of [first, last]) expect(timeOf(String(id))).toBe(ms + Date.UTC(2024, 0, 1));
  });
  assert(near, { numRuns: 1_000 });
});

test("a new generator starts above the last id it is given, though the clock is behind", () => {
  const before = createSnowflake({ worker: 9, now: () => start }).next();
  expect(BigInt(createSnowflake({ worker: 9, now: () => start - 5_000, last: before }).next())).toBeGreaterThan(BigInt(before));
});

test("past its ceiling it refuses, and goes on when the ceiling is raised", () => {
  let ceiling = start;
  const ids = createSnowflake({ worker: 1, now: () => start, ceiling: () => ceiling });
  for (let n = 0; n < 4_096; n += 1) ids.next();
  expect(() => ids.next()).toThrow(IdsRefused);
  expect(() => ids.nextAbove(String((BigInt(start - Date.UTC(2024, 0, 1)) + 50n) << 22n))).toThrow(IdsRefused);
  ceiling += 100;
  expect(ids.timeOf(ids.next())).toBe(start + 1);
});

test("a worker outside 10 bits is refused", () => {
  for (const worker of [-1, 1_024, 0.5]) expect(() => createSnowflake({ worker })).toThrow(RangeError);
});
