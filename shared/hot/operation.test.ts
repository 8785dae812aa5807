import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { join, leave, switchMode, update, type Changing } from "./changes.ts";
import type { Hot } from "./redis.ts";
import { changing, held, make } from "./testing.ts";

let world: TestHot;
beforeAll(async () => {
  world = await startHot();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Runs every script twice with the same arguments, as after a connection that broke before the first answer, and gives the second answer. */
function twice(): Changing {
  const deps = changing(world, 2);
  const run: Hot["run"] = async (...call) => {
    await deps.hot.run(...call);
    return deps.hot.run(...call);
  };
  return { ...deps, hot: { ...deps.hot, run } };
}

test("adding whose first answer was lost answers as it did, and wrote one entry", async () => {
  const id = await make(world, ["ann", "bob"]);
  expect(await join(twice(), id, "ann", "add", ["bob", "cyd"])).toEqual(["bob"]);
  const { seq, entries } = await held(world, id);
  expect(entries).toHaveLength(seq);
  expect(entries.filter((entry) => entry.includes("cyd"))).toHaveLength(1);
});

test("removing whose first answer was lost passes over nobody it removed", async () => {
  const id = await make(world, ["ann", "bob", "cyd"]);
  expect(await leave(twice(), id, "ann", "remove", ["bob", "dan"])).toEqual(["dan"]);
});

test("leaving whose first answer was lost is no refusal", async () => {
  const id = await make(world, ["ann", "bob"]);
  expect(await leave(twice(), id, "bob", "leave", ["bob"])).toEqual([]);
});

test("a change or switch whose first answer was lost writes one entry", async () => {
  const id = await make(world, ["ann", "bob"]);
  await update(twice(), id, "ann", [["t", "new", '"title":"new"']], { set: 1, clear: 0 });
  await switchMode(twice(), id, "r");
  const { seq, mode } = await held(world, id);
  expect({ seq, mode }).toEqual({ seq: 2, mode: "r" });
});
