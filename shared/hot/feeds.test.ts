import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { join, leave } from "./changes.ts";
import { keys } from "./keys.ts";
import { changing, held, make, send } from "./testing.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const most = 4;
const feedOf = (owner: string) => make(world, [owner], { kind: "feed", join: "open", history: "all" }, most);
const people = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const follow = (id: string, users: string[]) => join(changing(world, most), id, users[0] ?? "", "follow", users);
const unfollow = (id: string, user: string) => leave(changing(world, most), id, user, "leave", [user]);

/** Users whom audience.lua names for entries from a seq on, former members last. */
async function audience(id: string, from: number): Promise<string[]> {
  const row = await world.run<string[]>("audience", [keys.head(id), keys.past(id), keys.leavers(id), keys.order(id)], [from]);
  return row.slice(4).map((line) => line.split(" ")[0] ?? "");
}

test("followers who come in one call have a record each", async () => {
  const id = await feedOf("ann");
  await follow(id, ["bob", "cyd"]);
  expect((await held(world, id)).outbox).toEqual(["C ann", "F bob + 0 w", "F cyd + 0 w"]);
});

test("who follows and unfollows again and again leaves no trail where nothing was posted between", async () => {
  const id = await feedOf("ann");
  for (let i = 0; i < 3; i++) {
    await follow(id, ["bob"]);
    await unfollow(id, "bob");
  }
  expect((await held(world, id)).past).toEqual({ bob: ";0" });
  await follow(id, ["bob"]);
  await send(world, id, ["ann"]);
  await unfollow(id, "bob");
  await follow(id, ["bob"]);
  await unfollow(id, "bob");
  expect((await held(world, id)).past).toEqual({ bob: "0-1;0" });
});

test("an audience is read up to where its conversation goes to read mode, and not the many who came after", async () => {
  const id = await feedOf("ann");
  await follow(id, people("early", 3));
  await send(world, id, ["ann"]);
  await follow(id, people("crossing", 2));
  await follow(id, people("late", 1_200));
  await send(world, id, ["ann"]);
  expect(await held(world, id)).toMatchObject({ seq: 3, intervals: "2-" });
  expect(await audience(id, 1)).toEqual(["ann", ...people("early", 3), ...people("crossing", 2), ""]);
  expect(await audience(id, 3)).toHaveLength(1 + 3 + 2 + 1_200 + 1);
});

test("an audience is whole again from where its conversation has come back to write mode", async () => {
  const id = await feedOf("ann");
  await follow(id, people("fan", 6));
  await send(world, id, ["ann"]);
  for (const user of people("fan", 4)) await unfollow(id, user);
  const { intervals, seq } = await held(world, id);
  expect(intervals).toBe(`1-${seq}`);
  expect(await audience(id, seq)).toEqual(["ann", "fan4", "fan5", ""]);
  expect((await audience(id, 2)).slice(4)).toEqual([...people("fan", 4)]);
});
