import { expect, test } from "vitest";
import { paced } from "./paced.ts";

const clients = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** How many were told in each turn. */
async function turnsOf(count: number, pace: Parameters<typeof paced>[1]): Promise<number[]> {
  const told: number[] = [];
  const turns: number[] = [];
  let turn = 0;
  await paced(new Set(clients(count)), pace, (one) => {
    told.push(one);
    turns[turn] = (turns[turn] ?? 0) + 1;
    queueMicrotask(() => (turn = turns.length));
  });
  expect(told).toEqual(clients(count));
  return turns;
}

test("a few are told at once", async () => {
  expect(await turnsOf(50, { seconds: 10 })).toEqual([50]);
  expect(await turnsOf(0, { seconds: 10 })).toEqual([]);
});

test("with no time all are told at once", async () => {
  expect(await turnsOf(10_000, { seconds: 0 })).toEqual([10_000]);
});

test("many are told a part at a time, so many that all are told within the time", async () => {
  const turns = await turnsOf(1_000, { seconds: 0.5 });
  expect(turns[0]).toBeGreaterThanOrEqual(200);
  expect(turns[0]).toBeLessThan(1_000);
});

test("in a hurry the rest is told at once", async () => {
  const hurry = new AbortController();
  const turns = turnsOf(1_000, { seconds: 3_600, perSecond: 10, hurry: hurry.signal });
  hurry.abort();
  expect(await turns).toEqual([1, 999]);
});

test("nobody waits for the turn of those that have left", async () => {
  const rest = new Set(clients(1_000));
  const told: number[] = [];
  // One at once and the next in an hour.
  await paced(rest, { seconds: 3_600, perSecond: 1 / 3_600 }, (one) => {
    told.push(one);
    rest.clear();
  });
  expect(told).toEqual([0]);
});
