import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { create, join, leave, read, switchMode, update } from "./changes.ts";
import { keys } from "./keys.ts";
import { changing, checkCase, held, make, single, type Case } from "./testing.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const deps = (most = 500) => changing(world, most);
const noColdCount = () => Promise.reject(new Error("the archive is not needed here"));

const cases: Case[] = [
  {
    name: "a new group has seq 0, no entry, its members in the order given, and says that it was created",
    members: ["ann", "bob", "cyd"],
    act: async () => {},
    left: {
      seq: 0,
      count: 0,
      mode: "w",
      owner: "ann",
      members: { ann: "o 0 0 0 0", bob: "m 0 0 0 0", cyd: "m 0 0 0 0" },
      entries: [],
      order: ["ann", "bob", "cyd"],
      outbox: ["C ann"],
    },
  },
  {
    name: "a single has no owner, and both sides are members",
    members: ["ann", "bob"],
    more: single,
    act: async () => {},
    left: { owner: "", members: { ann: "m 0 0 0 0", bob: "m 0 0 0 0" }, mode: "w" },
  },
  {
    name: "a group created above the limit begins in read mode with no mode entry",
    members: ["ann", "bob", "cyd"],
    most: 2,
    act: async () => {},
    left: { mode: "r", intervals: "0-", entries: [], seq: 0 },
  },
  {
    name: "a single never begins in read mode",
    members: ["ann", "bob"],
    more: single,
    most: 1,
    act: async () => {},
    left: { mode: "w", intervals: "" },
  },
  {
    name: "added users join at the seq of their entry, those in already are skipped",
    members: ["ann", "bob"],
    act: (id) => join(deps(), id, "ann", "add", ["cyd", "bob", "dan"]),
    answer: ["bob"],
    left: {
      seq: 1,
      members: { ann: "o 0 0 0 0", bob: "m 0 0 0 0", cyd: "m 1 0 0 0", dan: "m 1 0 0 0" },
      entries: ['0 b{"users":["cyd","dan"],"change":"joined","by":"ann"}'],
      order: ["ann", "bob", "cyd", "dan"],
      outbox: ["C ann", "E 1 b # 0 w"],
    },
  },
  {
    name: "adding only users who are in writes nothing",
    members: ["ann", "bob"],
    act: (id) => join(deps(), id, "ann", "add", ["bob"]),
    answer: ["bob"],
    left: { seq: 0, entries: [], outbox: ["C ann"] },
  },
  {
    name: "a plain member may not add to a group by invitation",
    members: ["ann", "bob"],
    act: (id) => join(deps(), id, "bob", "add", ["cyd"]),
    answer: 103,
    left: { seq: 0, order: ["ann", "bob"] },
  },
  {
    name: "a plain member may add to an open group",
    members: ["ann", "bob"],
    more: { join: "open" },
    act: (id) => join(deps(), id, "bob", "add", ["cyd"]),
    answer: [],
    left: { entries: ['0 b{"users":["cyd"],"change":"joined","by":"bob"}'] },
  },
  {
    name: "an outsider comes into an open group by itself",
    members: ["ann"],
    more: { join: "open" },
    act: (id) => join(deps(), id, "bob", "join", ["bob"]),
    answer: [],
    left: { members: { ann: "o 0 0 0 0", bob: "m 1 0 0 0" }, entries: ['0 b{"users":["bob"],"change":"joined","by":"bob"}'] },
  },
  {
    name: "an outsider does not come into a group by invitation",
    members: ["ann"],
    act: (id) => join(deps(), id, "bob", "join", ["bob"]),
    answer: 103,
    left: { members: { ann: "o 0 0 0 0" } },
  },
  {
    name: "nobody is added to a single",
    members: ["ann", "bob"],
    more: single,
    act: (id) => join(deps(), id, "ann", "add", ["cyd"]),
    answer: 107,
    left: { order: ["ann", "bob"] },
  },
  {
    name: "a follower of a feed comes without an entry and unfollows without one",
    members: ["ann"],
    more: { kind: "feed", join: "open" },
    act: async (id) => {
      await join(deps(), id, "bob", "follow", ["bob"]);
      await leave(deps(), id, "bob", "leave", ["bob"]);
    },
    left: { seq: 0, entries: [], members: { ann: "o 0 0 0 0" }, past: { bob: ";0" }, outbox: ["C ann", "F bob + 0 w", "F bob - 0 w"] },
  },
  {
    name: "who leaves keeps the stay up to the entry of leaving",
    members: ["ann", "bob"],
    act: (id) => leave(deps(), id, "bob", "leave", ["bob"]),
    left: {
      members: { ann: "o 0 0 0 0" },
      past: { bob: "0-1;0" },
      leavers: ["bob"],
      order: ["ann"],
      entries: ['0 b{"users":["bob"],"change":"left","by":"bob"}'],
    },
  },
  {
    name: "who comes back has both stays, the read seq of the first one, and nothing unread",
    members: ["ann", "bob"],
    act: async (id) => {
      await join(deps(), id, "ann", "add", ["cyd"]);
      await read(world.hot, id, "bob", 1, noColdCount);
      await leave(deps(), id, "ann", "remove", ["bob"]);
      await join(deps(), id, "ann", "add", ["bob"]);
    },
    left: { members: { ann: "o 0 0 0 0", cyd: "m 1 0 0 0", bob: "m 3 1 0 0" }, past: { bob: "0-2;1" }, order: ["ann", "cyd", "bob"] },
  },
  {
    name: "a leaving owner hands over to the oldest member",
    members: ["ann", "bob", "cyd"],
    act: (id) => leave(deps(), id, "ann", "leave", ["ann"]),
    left: { owner: "bob", members: { bob: "o 0 0 0 0", cyd: "m 0 0 0 0" } },
  },
  {
    name: "a leaving owner hands over to the oldest admin before any member",
    members: ["ann", "bob", "cyd"],
    act: async (id) => {
      await world.hot.redis.hset(keys.head(id), "@cyd", "a 0 5 0 0 0 -");
      await leave(deps(), id, "ann", "leave", ["ann"]);
    },
    left: { owner: "cyd", members: { bob: "m 0 0 0 0", cyd: "o 0 0 0 0" } },
  },
  {
    name: "the last one out leaves a group without an owner",
    members: ["ann"],
    act: (id) => leave(deps(), id, "ann", "leave", ["ann"]),
    left: { owner: "", members: {}, order: [] },
  },
  {
    name: "a plain member removes nobody",
    members: ["ann", "bob", "cyd"],
    act: (id) => leave(deps(), id, "bob", "remove", ["cyd"]),
    answer: 103,
    left: { order: ["ann", "bob", "cyd"], seq: 0 },
  },
  {
    name: "an admin removes members, but with the owner or another admin among them nobody goes",
    members: ["ann", "bob", "cyd", "dan"],
    act: async (id) => {
      await world.hot.redis.hset(keys.head(id), "@bob", "a 0 5 0 0 0 -", "@cyd", "a 0 5 0 0 0 -");
      await expect(leave(deps(), id, "bob", "remove", ["dan", "ann"])).rejects.toMatchObject({ code: 103 });
      await expect(leave(deps(), id, "bob", "remove", ["dan", "cyd"])).rejects.toMatchObject({ code: 103 });
      return leave(deps(), id, "bob", "remove", ["dan", "eve"]);
    },
    answer: ["eve"],
    left: { order: ["ann", "bob", "cyd"], seq: 1 },
  },
  {
    name: "leaving a single is a bad request",
    members: ["ann", "bob"],
    more: single,
    act: (id) => leave(deps(), id, "ann", "leave", ["ann"]),
    answer: 107,
    left: { order: ["ann", "bob"] },
  },
];

test.each(cases)("$name", (one) => checkCase(world, one));

test("creating a conversation again changes nothing of it", async () => {
  const id = await make(world, ["ann", "bob"]);
  await join(deps(), id, "ann", "add", ["cyd"]);
  const before = await held(world, id);
  const again = {
    id,
    kind: "group",
    creator: "eve",
    owner: "eve",
    title: "x",
    history: "all",
    join: "open",
    metaJson: "",
    members: ["eve"],
  } as const;
  await create(deps(), again);
  expect(await held(world, id)).toEqual(before);
});

test("a conversation that does not exist refuses every change with 103", async () => {
  const refused = { code: 103 };
  await expect(join(deps(), "99", "ann", "add", ["bob"])).rejects.toMatchObject(refused);
  await expect(leave(deps(), "99", "ann", "leave", ["ann"])).rejects.toMatchObject(refused);
  await expect(update(deps(), "99", "ann", [], { set: 1, clear: 0 })).rejects.toMatchObject(refused);
  await expect(read(world.hot, "99", "ann", 1, noColdCount)).rejects.toMatchObject(refused);
  await switchMode(deps(), "99", "r");
  expect(await world.hot.redis.exists(keys.head("99"), keys.mailbox("99"))).toBe(0);
});

test("a group grown full refuses more with 106 and takes nobody of the call", async () => {
  const id = await make(world, ["ann", "bob"]);
  await world.hot.redis.hset(keys.head(id), "z", 100_000);
  await expect(join(deps(), id, "ann", "add", ["cyd"])).rejects.toMatchObject({ code: 106 });
  expect((await held(world, id)).order).toEqual(["ann", "bob"]);
});

test("a message id that is not above the conversation's last is replaced by one that is", async () => {
  const id = await make(world, ["ann"]);
  const far = world.ids.nextAbove(String(BigInt(world.ids.next()) + (10_000n << 22n)));
  await world.hot.redis.hset(keys.head(id), "i", far);
  const late = { ...deps(), ids: { ...world.ids, next: () => "1", nextAbove: (least: string) => String(BigInt(least) + 1n) } };
  await join(late, id, "ann", "add", ["bob"]);
  expect(await world.hot.redis.hget(keys.head(id), "i")).toBe(String(BigInt(far) + 1n));
});
