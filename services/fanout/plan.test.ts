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
