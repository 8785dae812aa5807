import { expect, test } from "vitest";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterTurn, atTurnEnd } from "./turn.ts";

test("what is to run at the end of a turn goes before long work that asked earlier", async () => {
  const order: string[] = [];
  afterTurn(() => order.push("a slice"));
  atTurnEnd(() => order.push("an answer"));
  await nextTurn();
  expect(order).toEqual(["an answer", "a slice"]);
});

test("what is asked for while they run has the next turn, where answers go first again", async () => {
  const order: string[] = [];
  afterTurn(() => {
    order.push("a slice");
    afterTurn(() => order.push("the next slice"));
  });
  setImmediate(() => {
    order.push("another's turn");
    atTurnEnd(() => order.push("an answer"));
  });
  while (order.length < 4) await nextTurn();
  expect(order).toEqual(["a slice", "another's turn", "an answer", "the next slice"]);
});

test("one that throws keeps none of the others, and what it threw is seen", async () => {
  const order: string[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<unknown>();
  using stack = new DisposableStack();
  for (const usual of process.listeners("uncaughtException")) stack.defer(() => process.on("uncaughtException", usual));
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", resolve);
  atTurnEnd(() => {
    throw new Error("broken");
  });
  atTurnEnd(() => order.push("the other"));
  expect(await seen).toMatchObject({ message: "broken" });
  expect(order).toEqual(["the other"]);
});
