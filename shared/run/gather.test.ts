import { expect, test } from "vitest";
import { gathered } from "./gather.ts";

test("calls of one turn, and those that come while one is under way, are one call each in their order", async () => {
  const calls: number[][] = [];
  const held = Promise.withResolvers<void>();
  const double = gathered<number, number>(async (args) => {
    calls.push(args);
    if (calls.length === 1) await held.promise;
    return args.map((arg) => arg * 2);
  }, 3);
  const early = [1, 2].map(double);
  await expect.poll(() => calls.length).toBe(1);
  const late = [3, 4, 5, 6].map(double);
  held.resolve();
  expect(await Promise.all([...early, ...late])).toEqual([2, 4, 6, 8, 10, 12]);
  expect(calls).toEqual([[1, 2], [3, 4, 5], [6]]);
});

test("a call that fails fails for those in it and behind it, and the next one goes on", async () => {
  const answer = gathered<string, string>((args) => (args.includes("bad") ? Promise.reject(new Error("no")) : Promise.resolve(args)), 2);
  const settled = await Promise.allSettled(["good", "bad", "behind"].map(answer));
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await answer("later")).toBe("later");
});
