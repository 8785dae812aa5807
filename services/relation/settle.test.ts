import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { newPair } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { create } from "#shared/hot/changes.ts";
import { openBus, type Bus } from "#shared/hot/bus.ts";
import { relations } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { hotPointers, userState } from "#shared/hot/users.ts";
import { parsePointer } from "#shared/wire/pointer.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import type { Relation } from "#shared/wire/values.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { applied, type Act, type Words } from "./rules.ts";
import { settle, type Settling } from "./settle.ts";

let world: TestHot;
let bus: Bus;
const pushed: PushBatch["inbox"] = [];
beforeAll(async () => {
  world = await startHot();
  bus = await openBus(world.hot, world.logger);
  await bus.listen("n1", {
    push: ({ inbox }) => void pushed.push(...inbox),
    hear: () => undefined,
    returned: () => undefined,
    lost: () => undefined,
  });
});
beforeEach(async () => {
  const names = await world.hot.redis.keys("*");
  const old = names.filter((name) => name !== keys.nodes);
  if (old.length > 0) await world.hot.redis.del(...old);
  pushed.length = 0;
});
afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const deps = (): Settling => ({ ...world, bus, fanoutWriteMax: 500, archiveInbox: true });
const cause = { at: 9, actor: null, note: "" };

type Step = [by: string, act: Act, words?: Words];
/** The states of a pair after each of the steps. */
function states(...steps: readonly Step[]): Pair[] {
  let pair = newPair("ann", "bob");
  return steps.map(([by, act, words], i) => (pair = applied(pair, by, act, i + 1, words) ?? pair));
}

/** What a user was told of the other, in the order of their inbox. */
async function events(user: string): Promise<Relation[]> {
  const { pointers } = await hotPointers(world.hot, user, 1);
  return pointers.map((text) => {
    const pointer = parsePointer(text);
    return "json" in pointer ? (JSON.parse(pointer.json) as { relation: Relation }).relation : expect.fail(text);
  });
}

const rows = async (): Promise<string[]> =>
  (await world.hot.redis.xrange(keys.relations("ann"), "-", "+")).flatMap(([, [, lines = ""]]) =>
    lines.split("\n").map((line) => (JSON.parse(line) as string[]).slice(0, 3).join(" ")),
  );

const shown = async (): Promise<(Relation | undefined)[]> => [
  (await relations(world.hot, "ann", ["bob"]))[0],
  (await relations(world.hot, "bob", ["ann"]))[0],
];

test("a state that is settled again, and one that is older, change nothing and tell nobody", async () => {
  const [asked, friends] = states(["ann", "request"], ["bob", "accept"]) as [Pair, Pair];
  for (const pair of [asked, asked, friends, friends, asked]) await settle(deps(), pair, cause);
  expect((await events("ann")).map(({ request, friend }) => [request, friend])).toEqual([
    ["out", false],
    [null, true],
  ]);
  expect((await events("bob")).map(({ request, friend }) => [request, friend])).toEqual([
    ["in", false],
    [null, true],
  ]);
  expect(await rows()).toEqual(["ann bob requested", "bob ann accepted"]);
  expect(await shown()).toMatchObject([{ friend: true }, { friend: true }]);
});

test("states that were missed are made up for by the last one: one event with all of it, a row for each change", async () => {
  const pair = states(["ann", "follow"], ["bob", "follow"], ["ann", "add", { alias: "B" }], ["bob", "request"]).at(-1) as Pair;
  await settle(deps(), pair, cause);
  expect(await events("ann")).toMatchObject([{ following: true, followed: true, contact: true, alias: "B", request: "in" }]);
  expect(await events("bob")).toMatchObject([{ following: true, followed: true, contact: false, request: "out" }]);
  expect((await rows()).toSorted()).toEqual(["ann bob added", "ann bob followed", "bob ann followed", "bob ann requested"]);
});

test("whom nothing visible happened to is told nothing, also when nobody knew the two before", async () => {
  const [added, blocked, unblocked] = states(["ann", "add"], ["ann", "block"], ["ann", "unblock"]) as [Pair, Pair, Pair];
  for (const pair of [added, blocked, unblocked]) await settle(deps(), pair, cause);
  expect(await events("bob")).toEqual([]);
  expect(await events("ann")).toHaveLength(3);
});

test("an author is told of who unfollows, however long ago they followed, and has no fact of them", async () => {
  const [followed, unfollowed] = states(["ann", "follow"], ["ann", "unfollow"]) as [Pair, Pair];
  await settle(deps(), followed, cause);
  await world.hot.redis.del(keys.told("bob", "ann"));
  await settle(deps(), followed, cause);
  expect(await world.hot.redis.exists(keys.facts("bob"))).toBe(0);
  await world.hot.redis.del(keys.told("bob", "ann"));
  await settle(deps(), unfollowed, cause);
  expect((await events("bob")).map(({ followed: so }) => so)).toEqual([true, false]);
  expect(await world.hot.redis.exists(keys.facts("ann"), keys.facts("bob"))).toBe(0);
});

test("what many processes settle at once, in any order, ends with the highest version, each event once", async () => {
  const steps: Step[] = Array.from({ length: 12 }, (_, i) => ["ann", i % 2 === 0 ? "follow" : "unfollow"]);
  const all = states(...steps, ["bob", "request"], ["ann", "request"], ["ann", "follow"]);
  await Promise.all([...all, ...all.toReversed()].map((pair) => settle(deps(), pair, cause)));
  expect(await shown()).toMatchObject([
    { following: true, followed: false, friend: true },
    { following: false, followed: true, friend: true },
  ]);
  for (const user of ["ann", "bob"]) {
    const told = (await events(user)).map((relation) => JSON.stringify(relation));
    expect(told.filter((one, i) => one === told[i - 1])).toEqual([]);
    expect((await userState(world.hot, user)).offset).toBe(told.length);
  }
});

test("the events are pushed to where the users are online", async () => {
  await userState(world.hot, "bob", { node: "n1", connections: { oldest: 1, count: 1 } });
  await settle(deps(), states(["ann", "follow"])[0] as Pair, cause);
  expect(pushed).toMatchObject([["bob", 1, [expect.stringContaining('"followed":true')]]]);
});

test("a single of the two carries the mark of a block, and a feed its follower, as the last state says", async () => {
  const { hot } = world;
  const common = { title: "ann bob", history: "all", join: "invite", metaJson: "" } as const;
  await create({ hot, fanoutWriteMax: 500 }, { ...common, id: "7", kind: "single", creator: "ann", owner: null, members: ["ann", "bob"] });
  await create({ hot, fanoutWriteMax: 500 }, { ...common, id: "8", kind: "feed", creator: "ann", owner: "ann", members: ["ann"] });
  await hot.redis.mset({ [keys.pair("ann", "bob")]: "7", [keys.feed("ann")]: "8" });
  const held = async () => [await hot.redis.hget(keys.head("7"), "f"), await hot.redis.hexists(keys.head("8"), "@bob")];
  const [followed, blocked, unblocked] = states(["bob", "follow"], ["ann", "block"], ["ann", "unblock"]) as [Pair, Pair, Pair];
  expect([await settle(deps(), followed, cause), await held()]).toEqual([true, ["1-", 1]]);
  expect([await settle(deps(), blocked, cause), await held()]).toEqual([true, ["2+", 0]]);
  expect([await settle(deps(), followed, cause), await held()]).toEqual([false, ["2+", 0]]);
  expect([await settle(deps(), unblocked, cause), await held()]).toEqual([false, ["3-", 0]]);
});
