import type { KeptOp } from "./op-log.ts";

/** What is to be done on the new master, in order. */
export interface Plan {
  steps: {
    op: KeptOp;
    /** A number is missing somewhere before it: it may find another state than it found at first. */
    torn: boolean;
  }[];
  /** The highest number that was ever given. */
  last: number;
  /** Writes that nobody has. */
  missing: number;
}

/**
 * Puts the writes that a lost master took with it into the order in which it did them. Scripts are functions of what they find and are given, so
 * that the same ones in the same order lead to the same state. Where a number is missing, writes without an answer may have been what it was:
 * they are done there, as every script may be repeated.
 * @param survived number of the last write that the new master has
 * @param ops of all processes, in any order
 */
export function planOf(survived: number, ops: readonly KeptOp[]): Plan {
  const numbered = new Map(ops.flatMap((op) => (op.number === null || op.number <= survived ? [] : [[op.number, op] as const])));
  let open = ops.filter(({ number }) => number === null);
  const steps: Plan["steps"] = [];
  let last = survived;
  let missing = 0;
  let torn = false;
  for (const number of [...numbered.keys()].toSorted((a, b) => a - b)) {
    const hole = number - last - 1;
    if (hole > 0) {
      // Its own number is above `after`, so that it may be the last that is missing, or one before.
      const maybe = open.filter(({ after }) => after < number - 1);
      open = open.filter((op) => !maybe.includes(op));
      steps.push(...maybe.map((op) => ({ op, torn })));
      missing += Math.max(0, hole - maybe.length);
      torn = true;
    }
    steps.push({ op: numbered.get(number) as KeptOp, torn });
    last = number;
  }
  return { steps, last, missing };
}
