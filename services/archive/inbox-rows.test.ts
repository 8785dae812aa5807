import { expect, test } from "vitest";
import { rangesOf } from "./inbox-rows.ts";

test("deliveries that follow on in an inbox are read as one range", () => {
  expect(rangesOf(["ann 1 3", "bob 7 7", "ann 4 4", "ann 6 9", "bob 8 8"])).toEqual([
    { user: "ann", from: 1, to: 4 },
    { user: "bob", from: 7, to: 8 },
    { user: "ann", from: 6, to: 9 },
  ]);
});

test("a range has at most a thousand pointers, unless one delivery has more", () => {
  expect(rangesOf(["ann 1 600", "ann 601 1000", "ann 1001 1001"])).toEqual([
    { user: "ann", from: 1, to: 1_000 },
    { user: "ann", from: 1_001, to: 1_001 },
  ]);
});
