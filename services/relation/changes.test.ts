import { expect, test } from "vitest";
import { newPair } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { factOf } from "#shared/hot/facts.ts";
import { changesBetween, type Cause } from "./changes.ts";
import { applied, type Act, type Words } from "./rules.ts";

type Step = [by: string, act: Act, words?: Words];

const after = (steps: readonly Step[], from = newPair("ann", "bob")): Pair =>
  steps.reduce((pair, [by, act, words], i) => applied(pair, by, act, i + 1, words) ?? pair, from);

/** The rows of a change, in words. */
function rowsOf(before: readonly Step[], steps: readonly Step[], cause: Partial<Cause> = {}): string[] {
  const old = after(before);
  const now = after(steps, old);
  const facts = (pair: Pair) => [factOf(pair, "ann"), factOf(pair, "bob")] as const;
  const rows = changesBetween(now, facts(old), facts(now), { at: 9, actor: null, note: "", ...cause }).flat();
  return rows.map(({ user, change, other, alias, note }) => [user, change, other, alias, note].join(" ").trimEnd());
}

test.each<[string, Step[], Step[], string[]]>([
  ["following", [], [["ann", "follow"]], ["ann followed bob"]],
  ["unfollowing", [["ann", "follow"]], [["ann", "unfollow"]], ["ann unfollowed bob"]],
  ["asking", [], [["bob", "request", { note: "hi" }]], ["bob requested ann  hi"]],
  ["declining", [["bob", "request"]], [["ann", "decline"]], ["ann declined bob"]],
  ["accepting", [["bob", "request"]], [["ann", "accept"]], ["ann accepted bob"]],
  ["asking whom one was asked by", [["bob", "request"]], [["ann", "request"]], ["ann accepted bob"]],
  ["adding", [], [["ann", "add", { alias: "B" }]], ["ann added bob B"]],
  ["renaming", [["ann", "add", { alias: "B" }]], [["ann", "add", { alias: "C" }]], ["ann added bob C"]],
  ["blocking a follower", [["bob", "follow"]], [["ann", "block"]], ["ann blocked bob", "bob unfollowed ann"]],
  ["blocking who asked is no declining", [["bob", "request"]], [["ann", "block"]], ["ann blocked bob"]],
  ["unblocking", [["ann", "block"]], [["ann", "unblock"]], ["ann unblocked bob"]],
  ["no change", [["ann", "follow"]], [["ann", "follow"]], []],
])("%s makes its rows", (_, before, steps, rows) => {
  expect(rowsOf(before, steps)).toEqual(rows);
});

test("who ended a friendship is named where it is known, with the words", () => {
  const friends: Step[] = [
    ["ann", "request"],
    ["bob", "accept"],
  ];
  expect(rowsOf(friends, [["bob", "unfriend"]], { actor: "bob", note: "bye" })).toEqual(["bob unfriended ann  bye"]);
  expect(rowsOf(friends, [["bob", "unfriend"]])).toEqual(["ann unfriended bob"]);
});

test("changes that were missed between two states are made up for", () => {
  const missed: Step[] = [
    ["ann", "follow"],
    ["bob", "add"],
    ["bob", "block"],
    ["bob", "unblock"],
    ["ann", "follow"],
  ];
  expect(rowsOf([], missed)).toEqual(["ann followed bob", "bob added ann"]);
});
