import { afterAll, beforeAll, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { join, leave, switchMode, update } from "./changes.ts";
import { changing, checkCase, single, type Case } from "./testing.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const deps = (most = 500) => changing(world, most);
const own = (set: number, clear = 0) => ({ set, clear });

const cases: Case[] = [
  {
    name: "crossing the limit switches to read mode right after the member entry that crossed it, which is still written out",
    members: ["ann", "bob"],
    most: 2,
    act: (id) => join(deps(2), id, "ann", "add", ["cyd"]),
    left: {
      seq: 2,
      mode: "r",
      intervals: "2-",
      entries: ['0 b{"users":["cyd"],"change":"joined","by":"ann"}', '0 o{"mode":"read","reason":"size"}'],
      outbox: ["C ann", "E 1 b # 0 w", "E 2 o # 0 w"],
    },
  },
  {
    name: "falling below 80 % of the limit switches back, and the switch is delivered by the room",
    members: ["ann", "bob", "cyd", "dan", "eve", "fay"],
    most: 5,
    act: (id) => leave(deps(5), id, "ann", "remove", ["dan", "eve", "fay"]),
    left: {
      mode: "w",
      intervals: "0-2",
      entries: ['0 b{"users":["dan","eve","fay"],"change":"removed","by":"ann"}', '0 o{"mode":"write","reason":"size"}'],
      outbox: ["C ann", "E 1 b # 0 r", "E 2 o # 0 r"],
    },
  },
  {
    name: "between 80 % and the limit the mode stays as it is",
    members: ["ann", "bob", "cyd", "dan", "eve", "fay"],
    most: 5,
    act: (id) => leave(deps(5), id, "ann", "remove", ["eve", "fay"]),
    left: { mode: "r", intervals: "0-", seq: 1 },
  },
  {
    name: "an update writes the changes that are any, and none where all is as it was",
    members: ["ann", "bob"],
    act: async (id) => {
      const title = (text: string): ["t", string, string] => ["t", text, `"title":"${text}"`];
      await update(deps(), id, "ann", [title("new"), ["j", "i", '"join":"invite"']], own(0));
      await update(deps(), id, "ann", [title("new")], own(0));
    },
    left: { seq: 1, entries: ['0 u{"by":"ann","changes":{"title":"new"}}'], outbox: ["C ann", "E 1 u # 0 w"] },
  },
  {
    name: "a plain member changes nothing that all see",
    members: ["ann", "bob"],
    act: (id) => update(deps(), id, "bob", [["t", "new", '"title":"new"']], own(1)),
    answer: 103,
    left: { seq: 0, members: { ann: "o 0 0 0 0", bob: "m 0 0 0 0" } },
  },
  {
    name: "one's own flags change without an entry, and without a record where they are so already",
    members: ["ann", "bob"],
    act: async (id) => {
      await update(deps(), id, "bob", [], own(1 | 4));
      await update(deps(), id, "bob", [], own(2, 4));
      await update(deps(), id, "bob", [], own(2, 4));
    },
    left: { seq: 0, members: { ann: "o 0 0 0 0", bob: "m 0 0 0 3" }, outbox: ["C ann", "P bob", "P bob"] },
  },
  {
    name: "a switch by traffic is the last entry of write mode, and is made once",
    members: ["ann", "bob"],
    act: async (id) => {
      await switchMode(deps(), id, "r");
      await switchMode(deps(), id, "r");
    },
    left: { seq: 1, mode: "r", intervals: "1-", entries: ['0 o{"mode":"read","reason":"traffic"}'], outbox: ["C ann", "E 1 o # 0 w"] },
  },
  {
    name: "a conversation read because of traffic does not go back because of its size",
    members: ["ann", "bob", "cyd"],
    act: async (id) => {
      await switchMode(deps(), id, "r");
      await leave(deps(), id, "cyd", "leave", ["cyd"]);
    },
    left: { mode: "r", seq: 2 },
  },
  {
    name: "a conversation above the limit does not go back because of traffic",
    members: ["ann", "bob", "cyd"],
    most: 2,
    act: async (id) => {
      await switchMode(deps(2), id, "r");
      await switchMode(deps(2), id, "w");
    },
    left: { mode: "r", intervals: "0-", entries: [] },
  },
  {
    name: "when the traffic is gone the conversation goes back, with the interval closed at the switch",
    members: ["ann", "bob"],
    act: async (id) => {
      await switchMode(deps(), id, "r");
      await switchMode(deps(), id, "w");
    },
    left: { mode: "w", seq: 2, intervals: "1-2", outbox: ["C ann", "E 1 o # 0 w", "E 2 o # 0 r"] },
  },
  {
    name: "a single does not switch by traffic",
    members: ["ann", "bob"],
    more: single,
    act: (id) => switchMode(deps(), id, "r"),
    left: { mode: "w", seq: 0 },
  },
];

test.each(cases)("$name", (one) => checkCase(world, one));
