import { assert, constantFrom, integer, option, property, record, string, type Arbitrary } from "fast-check";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Pair, Side } from "#shared/graph/port.ts";
import { eventTable } from "#shared/wire/events.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { blockersOf, factLine, factOf, parseFact, relationOf, relations } from "./facts.ts";
import { keys } from "./keys.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const since = option(integer({ min: 1 }), { nil: null });
const words = string({ unit: "grapheme", maxLength: 20 });
const aSide: Arbitrary<Side> = record({
  following: since,
  contact: option(record({ since: integer({ min: 1 }), alias: words }), { nil: null }),
  requested: option(record({ since: integer({ min: 1 }), note: words }), { nil: null }),
  blocking: since,
  declined: since,
});
const aPair: Arbitrary<Pair> = record({
  a: constantFrom("ann"),
  b: constantFrom("bob"),
  version: integer({ min: 1 }),
  friends: since,
  ab: aSide,
  ba: aSide,
});

test("a line is read back as what it was made of, whatever the words are", () => {
  assert(
    property(aPair, constantFrom("ann", "bob"), (pair, user) => {
      expect(parseFact(factLine(factOf(pair, user)))).toEqual(factOf(pair, user));
    }),
  );
});

test("what a user is shown is as the table of events says", () => {
  const check = Compile(eventTable.relation.data);
  assert(
    property(aPair, constantFrom("7", null), (pair, feed) => {
      expect([...check.Errors({ type: "relation", relation: relationOf("bob", factOf(pair, "ann"), feed) })]).toEqual([]);
    }),
  );
});

test("what the two are shown mirrors each other, and each other's alias and block are not shown", () => {
  assert(
    property(aPair, (pair) => {
      const [ann, bob] = [relationOf("bob", factOf(pair, "ann"), "7"), relationOf("ann", factOf(pair, "bob"), null)];
      expect([ann.following, ann.followed, ann.friend]).toEqual([bob.followed, bob.following, bob.friend]);
      expect(ann.alias ?? "").toBe(pair.ab.contact?.alias ?? "");
      expect(ann.blocking).toBe(pair.ab.blocking !== null);
      expect([ann.feed, bob.feed]).toEqual(["7", null]);
    }),
  );
});

test("a user's relations are read in the order asked for, with the feeds; that one is followed stands with the follower", async () => {
  const { redis } = world.hot;
  await redis.hset(keys.facts("ann"), { bob: '3 fc ["Bobby",""]', dan: "2 b" });
  await redis.hset(keys.facts("cyd"), { ann: "1 f" });
  await redis.hset(keys.facts("dan"), { ann: "2 b" });
  await redis.set(keys.feed("cyd"), "77");
  const [cyd, bob, eve, dan] = await relations(world.hot, "ann", ["cyd", "bob", "eve", "dan"]);
  const none = { following: false, followed: false, friend: false, contact: false, request: null, blocking: false, feed: null };
  expect(cyd).toEqual({ ...none, user: "cyd", followed: true, feed: "77" });
  expect(bob).toEqual({ ...none, user: "bob", following: true, contact: true, alias: "Bobby" });
  expect(eve).toEqual({ ...none, user: "eve" });
  expect(dan).toEqual({ ...none, user: "dan", blocking: true });
  expect([...(await blockersOf(world.hot, "ann", ["bob", "cyd", "dan"]))]).toEqual(["dan"]);
});

test("more relations than one call reads are all read", async () => {
  const others = Array.from({ length: 2_500 }, (_, i) => `friend-${i}`);
  await world.hot.redis.hset(keys.facts("zoe"), Object.fromEntries(others.map((other) => [other, "1 a"])));
  const found = await relations(world.hot, "zoe", others);
  expect(found.map(({ user }) => user)).toEqual(others);
  expect(found.every(({ friend }) => friend)).toBe(true);
  expect(await relations(world.hot, "zoe", [])).toEqual([]);
});
