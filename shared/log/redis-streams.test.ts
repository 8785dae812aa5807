import { array, assert, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import { partitions } from "#shared/hot/keys.ts";
import { share } from "./redis-streams.ts";

const PARTITIONS = partitions().length;
const workers = array(string({ minLength: 1 }), { minLength: 1, maxLength: PARTITIONS * 2 }).map((names) => [...new Set(names)].toSorted());

test("the shares of all workers are every partition, each once", () => {
  assert(
    property(workers, (names) => {
      const shares = names.flatMap((name) => share(names, name, PARTITIONS));
      expect(shares.toSorted((a, b) => a - b)).toEqual(Array.from({ length: PARTITIONS }, (_, p) => p));
    }),
  );
});

test("no worker has two partitions more than another", () => {
  assert(
    property(workers, (names) => {
      const sizes = names.map((name) => share(names, name, PARTITIONS).length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test("a worker that nobody has heard of yet contends for the share of the first one, or for all", () => {
  expect(share([], "a", PARTITIONS)).toHaveLength(PARTITIONS);
  assert(
    property(workers, integer(), (names, n) => {
      const stranger = `stranger ${n}`;
      expect(share(names, stranger, PARTITIONS)).toEqual(share(names, names[0] ?? "", PARTITIONS));
    }),
  );
});
