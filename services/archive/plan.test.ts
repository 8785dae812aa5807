import { expect, test } from "vitest";
import { planOf, type Facts } from "./plan.ts";

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 10, 23, 12);
const generation = Math.floor((now - 60_000) / hour);

const facts = (given: Partial<Facts>): Facts => ({
  now,
  pressure: false,
  mailboxes: [],
  inboxes: [],
  dedupe: { windowMs: hour, removed: { windowMs: hour, generation: generation - 2 } },
  months: [],
  coldVolume: false,
  warmDays: 30,
  ...given,
});
const mailbox = (length: number, more: object = {}) => ({
  conversationId: "7",
  seq: length,
  newest: length,
  base: 0,
  lastAt: now,
  ...more,
});
const month = (name: string, more: object = {}) => ({
  table: "messages",
  month: name,
  rows: 5,
  bytes: 50,
  parts: 2,
  onColdVolume: false,
  recompressed: false,
  ...more,
});

test("nothing is trimmed while the slack of a rule is not used up", () => {
  expect(planOf(facts({ mailboxes: [mailbox(1_200)], inboxes: [{ user: "ann", offset: 1_200, base: 0 }] }))).toEqual([]);
  expect(planOf(facts({ mailboxes: [mailbox(1_201)] }))).toMatchObject([{ rule: "mailbox-newest", to: 201, rows: 201 }]);
  expect(planOf(facts({ inboxes: [{ user: "ann", offset: 1_301, base: 100 }] }))).toMatchObject([
    { rule: "inbox-newest", to: 301, rows: 201 },
  ]);
});

test("the newest message stays hot, however many other entries are above it", () => {
  expect(planOf(facts({ mailboxes: [mailbox(1_500, { newest: 300 })] }))).toMatchObject([{ to: 299 }]);
  expect(planOf(facts({ mailboxes: [mailbox(1_500, { newest: 1 })] }))).toEqual([]);
  expect(planOf(facts({ mailboxes: [mailbox(1_500, { newest: 0 })] }))).toMatchObject([{ to: 500 }]);
});

test("under pressure the stricter rules apply, and the strictest one counts", () => {
  expect(planOf(facts({ pressure: true, mailboxes: [mailbox(1_500)] }))).toMatchObject([{ rule: "mailbox-pressure", to: 1_300 }]);
  const idle = mailbox(1_500, { lastAt: now - 7 * day });
  expect(planOf(facts({ pressure: true, mailboxes: [idle] }))).toMatchObject([{ rule: "mailbox-idle", to: 1_499 }]);
  expect(planOf(facts({ mailboxes: [idle] }))).toMatchObject([{ rule: "mailbox-newest" }]);
});

test("generations go once writers no longer look at them, with a minute for clocks that differ", () => {
  const removed = (which: number, windowMs = hour) =>
    planOf(facts({ dedupe: { windowMs: hour, removed: { windowMs, generation: which } } }));
  expect(removed(generation - 2)).toEqual([]);
  expect(removed(generation - 4)).toMatchObject([{ from: generation - 3, to: generation - 2 }]);
  expect(removed(generation - 100)).toMatchObject([{ from: null, to: generation - 2 }]);
  expect(removed(generation - 2, 2 * hour)).toMatchObject([{ from: null, to: generation - 2 }]);
  expect(planOf(facts({ dedupe: { windowMs: hour, removed: null } }))).toMatchObject([{ from: null, to: generation - 2 }]);
});

test("a month goes to the cold tier when its last day is past the warm days", () => {
  const months = [month("202609"), month("202610"), month("202611")];
  expect(planOf(facts({ months }))).toMatchObject([{ kind: "recompress-month", month: "202609" }]);
  expect(planOf(facts({ months: [month("202609", { recompressed: true })] }))).toEqual([]);
  expect(planOf(facts({ months, coldVolume: true }))).toMatchObject([{ kind: "move-month", month: "202609" }]);
  expect(planOf(facts({ months: [month("202609", { onColdVolume: true })], coldVolume: true }))).toEqual([]);
  expect(planOf(facts({ months, warmDays: 10 }))).toMatchObject([{ month: "202609" }, { month: "202610" }]);
});
