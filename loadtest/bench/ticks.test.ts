import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearAxis, logAxis, placeOn, short } from "./ticks.ts";

const values = fc.array(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 20 });

describe("an axis", () => {
  test("has marks at round numbers around its values, from 0", () => {
    expect(linearAxis([3, 9.2])).toEqual({ log: false, from: 0, to: 10, ticks: [0, 2, 4, 6, 8, 10] });
    expect(linearAxis([0.3, 0.12]).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(linearAxis([-4, 12]).ticks).toEqual([-5, 0, 5, 10, 15]);
    expect(linearAxis([1_234]).ticks).toEqual([0, 500, 1_000, 1_500]);
  });

  test("of one value, or of zeros, still has a length", () => {
    for (const axis of [linearAxis([0, 0]), linearAxis([7]), logAxis([7])]) expect(axis.to).toBeGreaterThan(axis.from);
  });

  test("has a place between its ends for each of its values and marks, in their order", () => {
    fc.assert(
      fc.property(values, (some) => {
        for (const axis of [linearAxis(some), logAxis(some)]) {
          const places = [...some, ...axis.ticks].toSorted((a, b) => a - b).map((value) => placeOn(axis, value));
          for (const place of places) expect(place).toBeGreaterThanOrEqual(-1e-6);
          for (const place of places) expect(place).toBeLessThanOrEqual(1 + 1e-6);
          expect(places).toEqual(places.toSorted((a, b) => a - b));
          expect(axis.ticks.length).toBeLessThanOrEqual(20);
        }
      }),
    );
  });

  test("in powers of ten has a mark at each, and two between them where they are few", () => {
    expect(logAxis([2, 100_000]).ticks).toEqual([10, 100, 1_000, 10_000, 100_000]);
    expect(logAxis([10, 1_000]).ticks).toEqual([10, 20, 50, 100, 200, 500, 1_000]);
    expect(placeOn(logAxis([10, 1_000]), 100)).toBeCloseTo(0.5);
    expect(() => logAxis([0, 5])).toThrow("no place for 0");
  });
});

test("numbers at marks are short", () => {
  expect([0, 0.1, 950, 1_500, 20_000, 2_500_000, 3e9].map(short)).toEqual(["0", "0.1", "950", "1.5k", "20k", "2.5M", "3G"]);
});
