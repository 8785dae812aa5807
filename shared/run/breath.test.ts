import { expect, test } from "vitest";
import { createBreath } from "./breath.ts";

test("work has had its time after a millisecond, and what waits has its turn before it goes on", async () => {
  let now = 0;
  const breath = createBreath(() => now);
  const order: string[] = [];
  setImmediate(() => order.push("another's turn"));
  now = 0.9;
  expect(breath.taken()).toBe(false);
  now = 1;
  expect(breath.taken()).toBe(true);
  await breath.pause();
  order.push("the work");
  expect(breath.taken()).toBe(false);
  expect(order).toEqual(["another's turn", "the work"]);
});
