import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { newPair } from "#shared/graph/pair.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { keys } from "./keys.ts";
import { bar, barSingle, between, relate, type Kept, type Part } from "./relating.ts";
import { make, send, single } from "./testing.ts";
import { hotPointers } from "./users.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
beforeEach(async () => void (await world.hot.redis.flushall()));
afterAll(() => world[Symbol.asyncDispose]());

const pair = { a: "ann", b: "bob" };
const event = 'V 0 0 5 - {"type":"relation"}';

/** Ann follows Bob, at a version: what both get. */
function followed(version: number, [ann, bob]: readonly [Kept, Kept], on = true, rows: string[] = []): Part[] {
  const fact = (letters: string) => ({ version, letters: on ? letters : "", alias: "", note: "" });
  return [
    { user: "ann", other: "bob", had: ann, fact: fact("f"), rows, pointer: event },
    { user: "bob", other: "ann", had: bob, fact: fact("F"), rows: [], pointer: event },
  ];
}

test("both get their lines and events at once; who holds nothing gets no line, and is remembered for a while as told", async () => {
  const { hot } = world;
  const told = await relate(hot, followed(4, await between(hot, pair), true, ["[1]"]), true);
  expect(told).toEqual([
    { user: "ann", offset: 1, nodes: [] },
    { user: "bob", offset: 1, nodes: [] },
  ]);
  const [ann, bob] = await between(hot, pair);
  expect([ann.line, ann.told, bob.line, bob.told]).toEqual(["4 f", "", "", "4 F"]);
  expect(await hot.redis.pttl(keys.told("bob", "ann"))).toBeGreaterThan(0);
  expect((await hotPointers(hot, "bob", 1)).pointers).toEqual([event]);
  const [[, [, lines = ""]] = ["", []]] = await hot.redis.xrange(keys.deliveries("ann"), "-", "+");
  expect(lines.split("\n").map((line) => line.replace(/ \S+\t/, " epoch\t"))).toEqual([
    `ann 1 1 epoch\t${event}`,
    `bob 1 1 epoch\t${event}`,
  ]);
  expect((await hot.redis.xrange(keys.relations("ann"), "-", "+")).map(([, fields]) => fields)).toEqual([["r", "[1]"]]);
});

test("a second go from what was there before changes nothing of what the first one wrote", async () => {
  const { hot } = world;
  const before = await between(hot, pair);
  await relate(hot, followed(4, before), true);
  expect(await relate(hot, followed(3, before, false, ["[2]"]), true)).toEqual([]);
  expect((await between(hot, pair)).map(({ line }) => line)).toEqual(["4 f", ""]);
  expect((await hotPointers(hot, "ann", 1)).pointers).toEqual([event]);
  expect(await hot.redis.exists(keys.relations("ann"))).toBe(0);
});

test("when all is over no line is left, and what was told last still tells an older state apart", async () => {
  const { hot } = world;
  await relate(hot, followed(4, await between(hot, pair)), false);
  await relate(hot, followed(5, await between(hot, pair), false), false);
  expect(await between(hot, pair)).toEqual([
    { line: "", told: "5 -", feed: null },
    { line: "", told: "5 -", feed: null },
  ]);
  expect(await hot.redis.exists(keys.facts("ann"), keys.deliveries("ann"))).toBe(0);
});

test("the events stand in the inbox behind what is there, in its epoch, and say where the user is online", async () => {
  const { hot } = world;
  await hot.redis.hset(keys.user("ann"), { o: 7, b: 7, e: "EPOCH123", on: "n1,n2", k: "99" });
  const told = await relate(hot, followed(1, await between(hot, pair)).slice(0, 1), false);
  expect(told).toEqual([{ user: "ann", offset: 8, nodes: ["n1", "n2"] }]);
  expect(await hot.redis.hmget(keys.user("ann"), "o", "e", "k")).toEqual(["8", "EPOCH123", "99"]);
});

test("without an event an inbox is left as it is", async () => {
  const { hot } = world;
  const quiet = followed(1, await between(hot, pair)).map((part) => ({ ...part, pointer: "" }));
  await relate(hot, quiet, true);
  expect(await hot.redis.exists(keys.user("ann"), keys.inbox("ann"), keys.deliveries("ann"))).toBe(0);
});

test("in a barred single neither side can send, and an older version of the pair does not change that unless it must", async () => {
  const { hot } = world;
  const id = await make(world, ["ann", "bob"], single);
  const both = async () => (await send(world, id, ["ann", "bob"])).map((result) => result.charAt(0));
  expect(await both()).toEqual(["1", "1"]);
  await hot.redis.set(keys.pair("ann", "bob"), id);
  await barSingle(hot, { ...newPair("ann", "bob"), version: 5, ba: { ...newPair("ann", "bob").ba, blocking: 1 } });
  expect(await both()).toEqual(["3", "3"]);
  await bar(hot, id, 4, false);
  expect(await both()).toEqual(["3", "3"]);
  await bar(hot, id, 6, false);
  expect(await both()).toEqual(["1", "1"]);
  await bar(hot, id, 2, true, true);
  expect(await both()).toEqual(["3", "3"]);
});

test("a conversation that is not there, and one that is no single, are not barred", async () => {
  const { hot } = world;
  const group = await make(world, ["ann", "bob"]);
  await bar(hot, group, 1, true);
  await bar(hot, "404", 1, true);
  expect([await hot.redis.hexists(keys.head(group), "f"), await hot.redis.exists(keys.head("404"))]).toEqual([0, 0]);
});
