import { expect, test } from "vitest";
import { createLedger } from "./ledger.ts";
import { watchScroll, watchWalk } from "./pages.ts";
import { createWitness, type Data, type Fault } from "./witness.ts";

const message = (seq: number, conversationId = "7"): Data => ({
  type: "message",
  message: { conversationId, seq, from: "bob", clientMsgId: `1-${seq}`, body: { text: "talk 0" } },
});

/** Everything that was reported, by kind. */
function reported() {
  const faults: Fault[] = [];
  return { faults, report: (fault: Fault) => void faults.push(fault) };
}

/** A client that has had seq 4 of conversation 7, and its inbox up to 10. */
function ann() {
  const { faults, report } = reported();
  const witness = createWitness("ann", report);
  witness.expect("7", 4);
  witness.connected({ "inbox:ann": { epoch: "e1", offset: 10 }, "live:ann": { epoch: "", offset: 0 } }, {});
  const inbox = (offset: number, seq: number) => witness.published("inbox:ann", offset, message(seq));
  return { witness, faults, inbox };
}

test("what comes once and in order is no fault", () => {
  const { witness, faults, inbox } = ann();
  inbox(11, 5);
  witness.published("inbox:ann", 12, { type: "read" });
  inbox(13, 6);
  expect(faults).toEqual([]);
  expect(witness.lacks("7", 6)).toBe(0);
  expect(witness.positions()).toEqual({ "inbox:ann": { epoch: "e1", offset: 13 } });
});

test("a publication that is repeated is a duplicate of offset and seq", () => {
  const { faults, inbox } = ann();
  inbox(11, 5);
  inbox(11, 5);
  expect(faults).toEqual(["duplicate", "duplicate"]);
});

test("an entry that is repeated at a new offset is a duplicate", () => {
  const { faults, inbox } = ann();
  inbox(11, 5);
  inbox(12, 5);
  expect(faults).toEqual(["duplicate"]);
});

test("an entry that is jumped over is a gap, and lacking as long as it does not come", () => {
  const { witness, faults, inbox } = ann();
  inbox(11, 6);
  expect(faults).toEqual(["gap"]);
  expect(witness.lacks("7", 8)).toBe(3);
});

test("an entry that comes after a later one is out of order, and lacks no more", () => {
  const { witness, faults, inbox } = ann();
  inbox(11, 6);
  inbox(12, 5);
  expect(faults).toEqual(["gap", "disorder"]);
  expect(witness.lacks("7", 6)).toBe(0);
});

test("a jump of the inbox's offset is a gap though all seqs are there", () => {
  const { faults, inbox } = ann();
  inbox(12, 5);
  expect(faults).toEqual(["gap"]);
});

test("an entry of a conversation or on a channel that is not the client's is a stray", () => {
  const { witness, faults } = ann();
  witness.published("inbox:ann", 11, message(1, "8"));
  witness.published("conversation:7", 5, message(5));
  expect(faults).toEqual(["stray", "stray"]);
});

test("a conversation that changes to its channel and back goes on in order", () => {
  const { witness, faults, inbox } = ann();
  witness.published("inbox:ann", 11, { type: "mode", conversationId: "7", seq: 5 });
  witness.subscribed("conversation:7", { epoch: "c", offset: 5 });
  witness.published("conversation:7", 6, message(6));
  witness.unsubscribed("conversation:7");
  inbox(12, 7);
  expect(faults).toEqual([]);
});

test("a position that is not recovered from, or left out, is a loss", () => {
  const { witness, faults } = ann();
  const asked = witness.positions();
  witness.connected({ "inbox:ann": { epoch: "e2", offset: 40, was_recovering: true } }, asked);
  witness.connected({}, asked);
  expect(faults).toEqual(["unrecovered", "unrecovered"]);
});

test("a position that is recovered goes on where it was asked from", () => {
  const { witness, faults, inbox } = ann();
  const recovered = { recovered: true, was_recovering: true };
  witness.connected({ "inbox:ann": { epoch: "e1", offset: 10, ...recovered } }, witness.positions());
  inbox(11, 5);
  expect(faults).toEqual([]);
  witness.connected({ "inbox:ann": { epoch: "e1", offset: 12, ...recovered } }, witness.positions());
  expect(faults).toEqual(["gap"]);
});

test("a sync that moves a position past what it gave is a gap", () => {
  const { witness, faults, inbox } = ann();
  inbox(11, 5);
  witness.synced({ "inbox:ann": { epoch: "e1", offset: 11 } });
  expect(faults).toEqual([]);
  witness.synced({ "inbox:ann": { epoch: "e1", offset: 12 } });
  expect(faults).toEqual(["gap"]);
});

test("two messages with one seq, and one message with two, are misplaced", () => {
  const { faults, report } = reported();
  const ledger = createLedger(report);
  const placed = { conversationId: "7", seq: 1, from: "ann", clientMsgId: "1-1" };
  ledger.place(placed);
  ledger.place(placed);
  expect(faults).toEqual([]);
  ledger.place({ ...placed, from: "bob" });
  ledger.place({ ...placed, seq: 2 });
  expect(faults[0]).toBe("misplaced");
  expect(faults[1]).toBe("misplaced");
  expect(ledger.headOf("7")).toBe(2);
});

test("a sender's messages must get their seqs in the order of sending", () => {
  const { faults, report } = reported();
  const ledger = createLedger(report);
  const place = (seq: number, n: number) => ledger.place({ conversationId: "7", seq, from: "ann", clientMsgId: `1-${n}` });
  place(1, 1);
  place(3, 2);
  place(4, 9);
  expect(faults).toEqual([]);
  place(5, 8);
  expect(faults).toEqual(["disorder"]);
});

const item = (key: string, seq: number) => ({ key, message: { conversationId: "7", seq, from: "bob", clientMsgId: "", body: null } });

test("a walk must go down by key, show nothing twice and leave nothing out", () => {
  const { faults, report } = reported();
  const good = watchWalk("ann", report);
  good.page([item("100", 3), item("99", 2)]);
  good.page([item("20", 1)]);
  expect(good.ended({ 7: [1, 2, 3] })).toBe(3);
  expect(faults).toEqual([]);
  const bad = watchWalk("ann", report);
  bad.page([item("99", 3), item("100", 2)]);
  bad.page([item("98", 2)]);
  bad.ended({ 7: [1, 2, 3] });
  expect(faults).toEqual(["disorder", "duplicate", "missing"]);
});

test("a scroll must go down by seq, show nothing twice and leave nothing out", () => {
  const { faults, report } = reported();
  const good = watchScroll("ann", "7", report);
  good.page([{ seq: 3 }, { seq: 4 }]);
  good.page([{ seq: 1 }, { seq: 2 }]);
  expect(good.ended([1, 2, 3, 4])).toBe(4);
  expect(faults).toEqual([]);
  const bad = watchScroll("ann", "7", report);
  bad.page([{ seq: 4 }]);
  bad.page([{ seq: 4 }, { seq: 2 }]);
  bad.page([{ seq: 3 }]);
  bad.ended([1, 2, 3, 4]);
  expect(faults).toEqual(["duplicate", "disorder", "missing"]);
});
