import { expect, test } from "vitest";
import { decodeCursor, encodeCursor, type Place } from "./mixer-cursor.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import { Refusal } from "#shared/wire/errors.ts";

const fresh = createSnowflake({ worker: 1 });
const place: Place = {
  last: { key: fresh.next(), conversationId: "12", seq: 7 },
  inboxOffset: 40,
  epoch: "Ab3",
  began: Date.now(),
  heads: new Map([
    ["12", 9],
    ["13", 0],
  ]),
};

test("a cursor brings back the place it was made of", () => {
  expect(decodeCursor(encodeCursor(place))).toEqual(place);
});

test("a cursor leaves the heads out where nothing newer can come in any more", () => {
  expect(decodeCursor(encodeCursor({ ...place, began: place.began + 61_000 })).heads).toBeNull();
});

test.each([
  "",
  "x",
  "%%%",
  "bnVsbA",
  Buffer.from('[1,"0","1",1,1,"e",1,null]').toString("base64url"),
  Buffer.from("[1]").toString("base64url"),
])("the malformed cursor %j is refused with 107 that names it", (cursor) => {
  expect(() => decodeCursor(cursor)).toThrow(Refusal);
  expect(() => decodeCursor(cursor)).toThrow(/cursor/);
});

test("the longest cursor is within what a client may send back", () => {
  const heads = new Map(Array.from({ length: 2_500 }, (_, i) => [String(1_000_000_000 + i), 1_000_000]));
  expect(encodeCursor({ ...place, heads }).length).toBeLessThanOrEqual(65_536);
});
