import { array, assert, boolean, constantFrom, integer, property, record, tuple } from "fast-check";
import { expect, test } from "vitest";
import { flags, intersect, parseIntervals, parseMember, parseStays, staysOf, type Stay } from "./member.ts";

const seq = integer({ min: 0, max: 2 ** 40 });
const letters = { owner: "o", admin: "a", member: "m", follower: "f" } as const;
const END = Number.POSITIVE_INFINITY;

test("a member's record is read field by field", () => {
  const anyRole = constantFrom("owner", "admin", "member", "follower");
  const parts = record({ role: anyRole, joinedSeq: seq, joinedAt: seq, readSeq: seq, base: seq });
  assert(
    property(parts, boolean(), boolean(), boolean(), (fields, muted, pinned, markedUnread) => {
      const { role, joinedSeq, joinedAt, readSeq, base } = fields;
      const bits = (muted ? flags.muted : 0) | (pinned ? flags.pinned : 0) | (markedUnread ? flags.markedUnread : 0);
      const text = `${letters[role]} ${joinedSeq} ${joinedAt} ${readSeq} ${base} ${bits} -`;
      expect(parseMember(text)).toEqual({ ...fields, muted, pinned, markedUnread });
    }),
  );
});

test("no record means no member", () => {
  expect(parseMember("")).toBeNull();
});

/** Ascending stays; the last one may still last. */
const stays = tuple(array(tuple(integer({ min: 0, max: 6 }), integer({ min: 0, max: 6 })), { maxLength: 5 }), boolean()).map(
  ([steps, lasts]): Stay[] => {
    let at = 0;
    const list = steps.map(([pause, length]) => {
      const joined = at + pause;
      at = joined + length;
      return { joined, left: at };
    });
    return lasts ? [...list, { joined: at + 1, left: END }] : list;
  },
);
const ended = stays.map((list) => list.filter(({ left }) => left !== END));
const textOf = (list: readonly Stay[]) => list.map(({ joined, left }) => `${joined}-${left === END ? "" : left}`).join(",");

test("earlier stays are read back, with and without the read seq behind them", () => {
  assert(
    property(ended, seq, (list, readSeq) => {
      expect(parseStays(textOf(list))).toEqual(list);
      expect(parseStays(`${textOf(list)};${readSeq}`)).toEqual(list);
    }),
  );
});

test("a member's present stay follows the earlier ones and has no end", () => {
  assert(
    property(ended, integer({ min: 100, max: 200 }), (list, joined) => {
      const member = parseMember(`m ${joined} 0 0 0 0 -`);
      expect(staysOf(member, textOf(list))).toEqual([...list, { joined, left: END }]);
      expect(staysOf(null, textOf(list))).toEqual(list);
    }),
  );
});

test("intervals of read mode are read back, the open one without an end", () => {
  assert(
    property(stays, (list) => {
      expect(parseIntervals(textOf(list))).toEqual(list);
    }),
  );
});

test("an intersection covers exactly the seqs that both lists cover, in ascending order", () => {
  const covers = (list: readonly Stay[], at: number) => list.some(({ joined, left }) => joined < at && at <= left);
  assert(
    property(stays, stays, (a, b) => {
      const both = intersect(a, b);
      for (let at = 0; at <= 80; at++) expect(covers(both, at)).toBe(covers(a, at) && covers(b, at));
      expect(both).toEqual(both.toSorted((x, y) => x.joined - y.joined));
      for (const { joined, left } of both) expect(joined).toBeLessThan(left);
    }),
    { numRuns: 500 },
  );
});
