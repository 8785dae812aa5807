import { expect, test } from "vitest";
import { createWaker } from "./waker.ts";

test("a pause ends when it is cut short, else by itself; what wakes nobody does not cut the next one short", async () => {
  const waker = createWaker();
  const order: string[] = [];
  waker.wake();
  const pause = waker.pause(60_000).then(() => order.push("woken"));
  await new Promise((turn) => setImmediate(turn));
  order.push("waking");
  waker.wake();
  await pause;
  expect(order).toEqual(["waking", "woken"]);
  await waker.pause(1);
});
