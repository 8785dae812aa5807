import fc from "fast-check";
import { expect, test } from "vitest";
import type { KeptOp } from "./op-log.ts";
import { planOf } from "./plan.ts";

interface Happened {
  number: number;
  /** Whether the process that did it heard of it, did not, or is gone. */
  fate: "answered" | "open" | "gone";
}

const histories = fc
  .array(fc.constantFrom("answered", "answered", "answered", "open", "gone"), { maxLength: 30 })
  .map((fates) => fates.map((fate, i): Happened => ({ number: i + 1, fate: fate as Happened["fate"] })));

const keptOf = ({ number, fate }: Happened): KeptOp => ({
  id: number,
  name: "commit",
  keys: [],
  args: [number],
  number: fate === "open" ? null : number,
  after: number - 1,
  answer: null,
});

const placeOf = ({ args }: KeptOp): number => Number(args[0]);

test("what everybody heard of is done in the order it happened, from the first that is missing", () => {
  fc.assert(
    fc.property(fc.nat(30), fc.nat(30), (many, survived) => {
      const ops = Array.from({ length: many }, (_, i) => keptOf({ number: i + 1, fate: "answered" }));
      const { steps, last, missing } = planOf(survived, ops.toReversed());
      expect(steps.map(({ op }) => placeOf(op))).toEqual(Array.from({ length: Math.max(0, many - survived) }, (_, i) => survived + 1 + i));
      expect({ last, missing, torn: steps.some(({ torn }) => torn) }).toEqual({ last: Math.max(many, survived), missing: 0, torn: false });
    }),
  );
});

test("whatever was not heard of or is gone, each write is done at its place, and what nobody has is counted", () => {
  fc.assert(
    fc.property(histories, fc.nat(30), fc.func(fc.integer()), (history, survived, order) => {
      const ops = history
        .filter(({ fate }) => fate !== "gone")
        .map(keptOf)
        .toSorted((a, b) => order(placeOf(a)) - order(placeOf(b)));
      const plan = planOf(survived, ops);
      const known = history.filter(({ number, fate }) => fate === "answered" && number > survived);
      const end = known.at(-1)?.number ?? survived;
      const done = plan.steps.map(({ op }) => placeOf(op));
      expect(plan.last).toBe(end);
      const answered = plan.steps.filter(({ op }) => op.number !== null).map(({ op }) => placeOf(op));
      expect(answered).toEqual(known.map(({ number }) => number));
      const open = history.filter(({ number, fate }) => fate === "open" && number > survived && number < end);
      for (const { number } of open) {
        expect(done).toContain(number);
        for (const later of known.filter((one) => one.number > number))
          expect(done.indexOf(number)).toBeLessThan(done.indexOf(later.number));
      }
      const holes = Array.from({ length: Math.max(0, end - survived) }, (_, i) => survived + 1 + i).filter(
        (number) => !known.some((one) => one.number === number),
      );
      const doneOpen = plan.steps.filter(({ op }) => op.number === null).length;
      expect(plan.missing).toBeGreaterThanOrEqual(holes.length - doneOpen);
      if (history.every(({ fate, number }) => fate !== "gone" || number <= survived || number > end)) expect(plan.missing).toBe(0);
      if (doneOpen === 0) expect(plan.missing).toBe(holes.length);
      for (const { op, torn } of plan.steps)
        if (op.number !== null) expect(torn).toBe(holes.some((number) => number < (op.number as number)));
    }),
  );
});
