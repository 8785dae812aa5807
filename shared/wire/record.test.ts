import { assert, boolean, constant, constantFrom, integer, oneof, option, property, record, uuid } from "fast-check";
import { expect, test } from "vitest";
import { parseRecord, sessionLine, type OutboxRecord } from "./record.ts";
import { aConversationId, aMessageId, anEntry, aSeq, aUser } from "./testing.ts";

const mode = constantFrom<"w" | "r">("w", "r");
const handed = option(
  oneof(record({ copies: integer({ min: 0, max: 500 }), single: constant(false) }), constant({ copies: 2, single: true })),
);
const anyRecord = oneof(
  record({ type: constant("entry" as const), entry: anEntry, mode, id: aMessageId, handed }).map(
    ({ type, entry, mode: inMode, id, handed: done }): OutboxRecord => {
      const { conversationId, seq, letter, count } = entry;
      return { type, conversationId, seq, letter, id, count, mode: inMode, handed: done };
    },
  ),
  record({ type: constant("created" as const), conversationId: aConversationId, creator: aUser }),
  record({ type: constant("read" as const), conversationId: aConversationId, user: aUser, readSeq: aSeq, count: integer({ min: 0 }) }),
  record({ type: constant("own" as const), conversationId: aConversationId, user: aUser }),
  record({
    type: constant("session" as const),
    conversationId: constant("0"),
    user: aUser,
    session: uuid(),
    device: constantFrom("", "ios", "web"),
    node: constantFrom("4fcda547", "00000000"),
    at: integer({ min: 0 }),
    life: integer({ min: 0 }),
  }),
  record({ type: constant("follow" as const), conversationId: aConversationId, user: aUser, on: boolean(), seq: aSeq, mode }),
);

function markOf(done: { copies: number; single: boolean } | null): string {
  if (done === null) return "";
  return `${done.single ? "=" : "+"}${done.copies === 0 ? "" : done.copies}`;
}

/** As the scripts write it. */
function lineOf(one: OutboxRecord): string {
  switch (one.type) {
    case "entry":
      return `E ${one.conversationId} ${one.seq} ${one.letter} ${one.id} ${one.count} ${one.mode}${markOf(one.handed)}`;
    case "created":
      return `C ${one.conversationId} ${one.creator}`;
    case "read":
      return `R ${one.conversationId} ${one.user} ${one.readSeq} ${one.count}`;
    case "own":
      return `P ${one.conversationId} ${one.user}`;
    case "session":
      return sessionLine(one.user, one.session, one.device, one.node, one.at, one.life);
    case "follow":
      return `F ${one.conversationId} ${one.user} ${one.on ? "+" : "-"} ${one.seq} ${one.mode}`;
  }
}

test("every record is read back from its line", () => {
  assert(
    property(anyRecord, (one) => {
      expect(parseRecord(lineOf(one))).toEqual(one);
    }),
  );
});

test("a record of a newer writer stops the reader", () => {
  expect(() => parseRecord("Z 12 ann")).toThrow("outbox record of unknown type: Z 12 ann");
});
