import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { remembered } from "./remembered.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Values that count how often they were asked for; `behave` decides what becomes of the next call. */
function asking() {
  const asked: { calls: number; behave: "answer" | "fail" | "hang"; failures: unknown[] } = { calls: 0, behave: "answer", failures: [] };
  const of = remembered<string[]>({
    keepMs: (value) => (value.length === 0 ? 5_000 : 60_000),
    none: [],
    load(user) {
      const call = ++asked.calls;
      if (asked.behave === "fail") return Promise.reject(new Error("away"));
      if (asked.behave === "hang") return new Promise(() => {});
      return Promise.resolve([`${user} ${call}`]);
    },
    failed: (err) => asked.failures.push(err),
  });
  return { asked, of };
}

test("a value is asked for once a minute and user, also by many at once", async () => {
  const { asked, of } = asking();
  expect(await Promise.all([of("ann"), of("ann"), of("bob")])).toEqual([["ann 1"], ["ann 1"], ["bob 2"]]);
  vi.advanceTimersByTime(59_000);
  expect(await of("ann")).toEqual(["ann 1"]);
  expect(asked.calls).toBe(2);
});

test("an old value is given once more while a new one is on its way", async () => {
  const { of } = asking();
  await of("ann");
  vi.advanceTimersByTime(61_000);
  expect(await of("ann")).toEqual(["ann 1"]);
  await vi.advanceTimersByTimeAsync(0);
  expect(await of("ann")).toEqual(["ann 2"]);
});

test("what cannot be had is gone without, told of, and not tried again for some seconds", async () => {
  const { asked, of } = asking();
  asked.behave = "fail";
  expect([await of("ann"), await of("ann")]).toEqual([[], []]);
  expect(asked).toMatchObject({ calls: 1, failures: [new Error("away")] });
  asked.behave = "answer";
  vi.advanceTimersByTime(6_000);
  expect(await of("ann")).toEqual([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(await of("ann")).toEqual(["ann 2"]);
});

test("what was known stays in use while nothing newer can be had", async () => {
  const { asked, of } = asking();
  await of("ann");
  asked.behave = "fail";
  vi.advanceTimersByTime(61_000);
  await of("ann");
  await vi.advanceTimersByTimeAsync(0);
  expect(await of("ann")).toEqual(["ann 1"]);
});

test("nobody waits longer than a second for what hangs", async () => {
  const { asked, of } = asking();
  asked.behave = "hang";
  const given = of("ann");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await given).toEqual([]);
});
