import { assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import { entryPointer, eventPointer, isEvent, parsePointer, wantsTotal, withTotal, type EventPointer } from "./pointer.ts";
import { aConversationId, aJson, aMessageId, anEntry, aSeq } from "./testing.ts";

test("an entry's pointer is read back, with its id as timeline key", () => {
  assert(
    property(anEntry, ({ letter, conversationId, seq, count, id }) => {
      const pointer = parsePointer(entryPointer(letter, conversationId, seq, count, id));
      expect(pointer).toEqual({ letter, conversationId, seq, count, id, key: id });
      expect(isEvent(pointer)).toBe(false);
    }),
  );
});

test("a raised timeline key behind a pointer is read", () => {
  assert(
    property(anEntry, aMessageId, ({ letter, conversationId, seq, count, id }, key) => {
      expect(parsePointer(`${entryPointer(letter, conversationId, seq, count, id)} ${key}`)).toMatchObject({ id, key });
    }),
  );
});

test("an event's pointer is read back, whatever its JSON holds", () => {
  const event = record({
    letter: constantFrom<EventPointer["letter"]>("J", "L", "V"),
    conversationId: aConversationId,
    seq: aSeq,
    at: integer({ min: 0, max: 2 ** 44 }),
    mode: constantFrom<EventPointer["mode"]>("w", "r", "-"),
    data: aJson,
  });
  assert(
    property(event, ({ data, ...place }) => {
      const json = JSON.stringify({ type: "read", data });
      const pointer = parsePointer(eventPointer(place.letter, place.conversationId, place.seq, place.at, place.mode, json));
      expect(pointer).toEqual({ ...place, json });
      expect(isEvent(pointer)).toBe(true);
    }),
  );
});

test("only conversation events want a total, which is put in as their last field", () => {
  assert(
    property(aJson, integer({ min: 0 }), boolean(), (data, total, own) => {
      const event = { type: own ? "conversation" : "read", data };
      const pointer = parsePointer(eventPointer("V", "1", 0, 5, "-", JSON.stringify(event))) as EventPointer;
      expect(wantsTotal(pointer)).toBe(own);
      expect(JSON.parse(withTotal(pointer.json, total))).toEqual({ ...event, total });
    }),
  );
});
