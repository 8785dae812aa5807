import { assert, constantFrom, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { timeOf } from "#shared/ids/snowflake.ts";
import { changeOf, eventJson } from "./entry.ts";
import { fromRow, toRow } from "./rows.ts";
import { aMessageEntry, anEntry, changeLetters } from "./testing.ts";

const members = integer({ min: 0, max: 100_000 });
const mode = constantFrom("write" as const, "read" as const);

test("every entry comes back from its archive row to the letter", () => {
  assert(
    property(anEntry, members, mode, (entry, count, delivered) => {
      const back = fromRow(toRow(entry, count, delivered));
      expect(back).toEqual(entry);
      expect(eventJson(back)).toBe(eventJson(entry));
    }),
    { numRuns: 1_000 },
  );
});

test("a message's row has its sender, kind, body and ids in columns of their own and the rest as JSON", () => {
  assert(
    property(aMessageEntry, members, mode, (entry, count, delivered) => {
      const { from, kind, body, clientMsgId, ...rest } = JSON.parse(`{${entry.fields}}`) as Record<string, unknown>;
      const row = toRow(entry, count, delivered);
      expect(row).toMatchObject({
        sender: from,
        kind,
        client_msg_id: clientMsgId,
        members: count,
        mode: delivered,
        target: 0,
        revision: 0,
      });
      expect(JSON.parse(row.body)).toEqual(body);
      expect(JSON.parse(row.extra)).toEqual(rest);
      expect(row).toMatchObject({ message_id: entry.id, prev: entry.seq - 1, count: entry.count, at: timeOf(entry.id) });
    }),
  );
});

test("a change's row has its type as kind, who made it as sender, and its target and revision", () => {
  assert(
    property(anEntry, members, mode, (entry, count, delivered) => {
      if (entry.letter === "m") return;
      const { by = "", target = 0, revision = 0 } = JSON.parse(`{${entry.fields}}`) as Record<string, unknown>;
      const row = toRow(entry, count, delivered);
      expect(row).toMatchObject({ kind: changeOf(entry.letter), sender: by, target, revision, body: "", client_msg_id: "" });
    }),
  );
  expect(changeLetters).toHaveLength(6);
});

test.each([
  [{ text: "hello there" }, "hello there"],
  [{ url: "https://example.com/a", name: "plan.pdf", mime: "application/pdf", size: 1 }, "plan.pdf"],
  [{ lat: 1, lon: 2, label: "the harbour" }, "the harbour"],
  [{ user: "ann" }, ""],
  [["text"], ""],
  [null, ""],
  ["text", ""],
])("of the body %j a search finds %j", (body, text) => {
  const fields = `"from":"ann","kind":"custom","body":${JSON.stringify(body)},"clientMsgId":"1"`;
  expect(toRow({ conversationId: "1", seq: 1, id: "4194304", count: 1, letter: "m", fields }, 2, "write").text).toBe(text);
});
