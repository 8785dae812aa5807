import { assert, property } from "fast-check";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { eventJson } from "./entry.ts";
import { eventTable, type EventRow, type EventType } from "./events.ts";
import { anEntry } from "./testing.ts";
import { changeTypes } from "./values.ts";

const checks = Object.fromEntries(Object.entries(eventTable).map(([type, { data }]) => [type, Compile(data)]));

test("every entry's event is as the table of events says", () => {
  assert(
    property(anEntry, (entry) => {
      const event = JSON.parse(eventJson(entry)) as { type: EventType };
      expect([...(checks[event.type]?.Errors(event) ?? [])]).toEqual([]);
      expect(eventTable[event.type].kind).toBe("entry");
    }),
    { numRuns: 500 },
  );
});

test("the entries of the table are the message and every change", () => {
  const entries = Object.entries<EventRow>(eventTable).filter(([, { kind }]) => kind === "entry");
  expect(entries.map(([type]) => type).toSorted()).toEqual(["message", ...changeTypes].toSorted());
});

test("an event of another shape is told apart", () => {
  expect(checks["read"]?.Check({ type: "read", conversationId: "1", readSeq: 1, count: 1, unread: 0, total: 0 })).toBe(true);
  expect(checks["read"]?.Check({ type: "read", conversationId: "1", readSeq: -1, count: 1, unread: 0, total: 0 })).toBe(false);
  expect(checks["read"]?.Check({ type: "mode", conversationId: "1", readSeq: 1, count: 1, unread: 0, total: 0 })).toBe(false);
});
