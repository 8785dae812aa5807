import fc from "fast-check";
import { expect, test } from "vitest";
import { createOpLog, KEPT, type KeptOp } from "./op-log.ts";

const op = (text = "") => ({ name: "commit", keys: ["c:{1}:1"], args: [text] }) as const;

test("writes beyond the last that survived are kept, and those of which nobody knows, by partition", () => {
  const log = createOpLog(() => 0);
  const ops = [1, 2, 3, 4].map(() => log.begin(7, op()));
  log.begin(8, op());
  log.done(7, ops[0] as KeptOp, 11, ["1 1 1"]);
  log.done(7, ops[2] as KeptOp, 12, null);
  log.forget(ops[3] as KeptOp);
  expect(log.beyond(7, 11)).toEqual([
    { id: 2, ...op(), number: null, after: 0, answer: null },
    { id: 3, ...op(), number: 12, after: 0, answer: null },
  ]);
  expect(log.begin(7, op()).after).toBe(12);
});

test("what a replaced master answers counts for nothing", () => {
  const log = createOpLog(() => 0);
  const [first, second] = [log.begin(7, op()), log.begin(7, op())];
  log.inherited(7, 20);
  expect(log.done(7, first, 20, null)).toBe(false);
  expect(log.done(7, second, 21, null)).toBe(true);
  expect(log.beyond(7, 0).map(({ number }) => number)).toEqual([null, 21]);
  expect(log.begin(7, op()).after).toBe(21);
});

test("a write is forgotten after a minute, and earlier where there is too much of them: the oldest first", () => {
  let now = 0;
  const log = createOpLog(() => now, 2_500);
  const first = log.begin(1, op());
  now = KEPT;
  const second = log.begin(1, op("x".repeat(1_000)));
  expect(log.beyond(1, 0)).toEqual([second]);
  const third = log.begin(1, op("x".repeat(1_000)));
  const fourth = log.begin(1, op("x".repeat(1_000)));
  expect(log.beyond(1, 0)).toEqual([third, fourth]);
  log.done(1, first, 1, null);
  expect(log.beyond(1, 0)).not.toContain(first);
});

test("however calls begin and end, what is kept is what began last", () => {
  const play = fc.array(fc.record({ wait: fc.nat(KEPT), size: fc.nat(900), done: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(play, (calls) => {
      let now = 0;
      const log = createOpLog(() => now, 3_000);
      const begun: { op: KeptOp; at: number }[] = [];
      for (const [i, { wait, size, done }] of calls.entries()) {
        now += wait / 4;
        const kept = log.begin(1, op("x".repeat(size)));
        begun.push({ op: kept, at: now });
        if (done) log.done(1, kept, i + 1, null);
      }
      const kept = log.beyond(1, 0);
      const young = begun.filter(({ at }) => at > now - KEPT).map((one) => one.op);
      expect(kept).toEqual(young.slice(young.length - kept.length));
      const size = kept.reduce((sum, { args }) => sum + 240 + String(args[0]).length, 0);
      expect(size).toBeLessThanOrEqual(3_000);
    }),
  );
});
