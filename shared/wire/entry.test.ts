import { assert, property } from "fast-check";
import { expect, test } from "vitest";
import { timeOf } from "#shared/ids/snowflake.ts";
import { changeOf, eventJson, letterOf, messageJson, parseEntry } from "./entry.ts";
import { aChangeEntry, aMessageEntry, anEntry, changeLetters } from "./testing.ts";
import { changeTypes, messageKinds } from "./values.ts";

test("an entry is read back from the text it is kept as", () => {
  assert(
    property(anEntry, (entry) => {
      const text = `${entry.id} ${entry.count} ${entry.letter}${entry.fields}`;
      expect(parseEntry(entry.conversationId, entry.seq, text)).toEqual(entry);
    }),
  );
});

test("a message event holds the sender's fields and the place of the entry inside the message", () => {
  assert(
    property(aMessageEntry, (entry) => {
      const { conversationId, seq, id, count } = entry;
      const fields = JSON.parse(`{${entry.fields}}`) as object;
      const message = { id, conversationId, seq, prev: seq - 1, count, at: timeOf(id), ...fields };
      expect(JSON.parse(eventJson(entry))).toEqual({ type: "message", message });
      expect(JSON.parse(messageJson(entry))).toEqual(message);
    }),
  );
});

test("the event of a change holds its fields and its place beside its type", () => {
  assert(
    property(aChangeEntry, (entry) => {
      const { conversationId, seq, id, count, letter } = entry;
      const fields = JSON.parse(`{${entry.fields}}`) as object;
      const place = { conversationId, seq, prev: seq - 1, count, at: timeOf(id) };
      expect(JSON.parse(eventJson(entry))).toEqual({ type: changeOf(letter), ...place, ...fields });
    }),
  );
});

test("every change type has a letter, and every message kind the letter m", () => {
  expect(changeTypes.map((type) => changeOf(letterOf(type)))).toEqual([...changeTypes]);
  expect(new Set(changeTypes.map(letterOf))).toEqual(new Set(changeLetters));
  expect(new Set(messageKinds.map(letterOf))).toEqual(new Set(["m"]));
});
