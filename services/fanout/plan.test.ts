import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { userState } from "#shared/hot/users.ts";
import { deliver, Plan } from "./plan.ts";

let world: TestHot;
beforeAll(async () => {
  world = await startHot();
});
afterAll(() => world[Symbol.asyncDispose]());

const joined = (users: string[]): Plan => {
  const plan = new Plan();
  plan.add({ letter: "J", conversationId: "7", seq: 0, extra: "a w", pointers: ["J 7 0 1 w {}"] }, users);
  return plan;
};

test("what an inbox got goes to the nodes that have the user online, and to no other", async () => {
  await userState(world.hot, "ann", { node: "node1", connections: null });
  await userState(world.hot, "ann", { node: "node2", connections: null });
  const { pushes, written } = await deliver(world.hot, joined(["ann", "bob"]), false);
  expect(written).toBe(2);
  expect([...pushes]).toEqual(["node1", "node2"].map((node) => [node, [["ann", 1, ["J 7 0 1 w {}"]]]]));
});

test("a repeated delivery puts nothing and tells the nodes how far the inbox is, for the first push may have been lost", async () => {
  await userState(world.hot, "cyd", { node: "node1", connections: null });
  await deliver(world.hot, joined(["cyd"]), false);
  const { pushes, written } = await deliver(world.hot, joined(["cyd"]), false);
  expect(written).toBe(0);
  expect(pushes.get("node1")).toEqual([["cyd", 2, []]]);
});

test("entries that follow each other for the very same users are one step, others are not", () => {
  const plan = new Plan();
  const [some, others] = [["ann", "bob"], ["ann"]];
  const entry = (seq: number, conversationId = "7") => ({
    conversationId,
    seq,
    id: String(100 + seq),
    pointer: `m ${conversationId} ${seq}`,
  });
  for (const seq of [1, 2, 3]) plan.entry(entry(seq), some);
  plan.entry(entry(4), others);
  plan.entry(entry(1, "8"), others);
  plan.entry(entry(6), others);
  const [call] = [...plan.calls()];
  expect(call?.ops.map(({ conversationId, seq, extra, pointers }) => [conversationId, seq, extra, pointers.length])).toEqual([
    ["7", 1, "101 103", 3],
    ["7", 4, "104 104", 1],
    ["8", 1, "101 101", 1],
    ["7", 6, "106 106", 1],
  ]);
  expect(call?.users).toEqual([
    ["ann", [1, 2, 3, 4]],
    ["bob", [1]],
  ]);
});
