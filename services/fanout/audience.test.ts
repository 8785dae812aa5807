import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import { type Stay } from "#shared/hot/member.ts";
import { Audience } from "./audience.ts";

const END = Number.POSITIVE_INFINITY;
const users = ["ann", "bob", "cyd", "dan"];

interface Change {
  seq: number;
  what: "join" | "leave";
  users: string[];
}

/** Changes of membership at rising seqs, some of them about users who are in or out already. */
const changes = array(
  record({ pause: integer({ min: 1, max: 3 }), what: constantFrom("join", "leave"), who: array(constantFrom(...users)) }),
  {
    maxLength: 14,
  },
).map((steps) => {
  let seq = 0;
  return steps.map(({ pause, what, who }): Change => ({ seq: (seq += pause), what: what as Change["what"], users: [...new Set(who)] }));
});

/** Stays after the changes up to a seq: what the head of the conversation holds then. */
function staysAfter(list: readonly Change[], to: number): Map<string, Stay[]> {
  const stays = new Map<string, Stay[]>(users.slice(0, 2).map((user) => [user, [{ joined: 0, left: END }]]));
  for (const { seq, what, users: some } of list) {
    for (const user of seq <= to ? some : []) {
      const own = stays.getOrInsertComputed(user, () => []);
      const last = own.at(-1);
      const isIn = last?.left === END;
      if (what === "join" && !isIn) own.push({ joined: seq, left: END });
      if (what === "leave" && isIn && last !== undefined) last.left = seq;
    }
  }
  return stays;
}

const holders = (stays: Map<string, Stay[]>, seq: number): Set<string> =>
  new Set([...stays].flatMap(([user, list]) => (list.some(({ joined, left }) => joined < seq && seq <= left) ? [user] : [])));

/** Members that could only come by being somebody who joined, so real member entries: nobody in joins, nobody out leaves. */
function real(list: readonly Change[]): Change[] {
  return list.flatMap((change, i) => {
    const before = staysAfter(list.slice(0, i), change.seq - 1);
    const isIn = (user: string) => before.get(user)?.at(-1)?.left === END;
    const some = change.users.filter((user) => isIn(user) === (change.what === "leave"));
    return some.length === 0 ? [] : [{ ...change, users: some }];
  });
}

test("an entry reaches those whose stay holds its seq, wherever between the changes the audience was loaded", () => {
  assert(
    property(changes, integer({ min: 0, max: 45 }), integer({ min: 0, max: 45 }), (made, start, ahead) => {
      const list = real(made);
      const loaded = Math.max(start, ahead);
      const audience = new Audience("g", staysAfter(list, loaded), loaded);
      const truth = staysAfter(list, 100);
      for (let seq = start; seq <= 50; seq++) {
        expect(new Set(audience.at(seq))).toEqual(holders(truth, seq));
        const change = list.find((one) => one.seq === seq);
        if (change?.what === "join") audience.join(change.users, seq);
        if (change?.what === "leave") audience.leave(change.users, seq);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a change that is told twice counts once", () => {
  assert(
    property(changes, (made) => {
      const list = real(made);
      const audience = new Audience("g", staysAfter([], 0), 0);
      for (const { what, users: some, seq } of list) {
        for (let times = 0; times < 2; times++) audience[what](some, seq);
      }
      const truth = staysAfter(list, 100);
      for (let seq = 0; seq <= 50; seq++) expect(new Set(audience.at(seq))).toEqual(holders(truth, seq));
    }),
  );
});

test("who follows and unfollows without an entry between is in nobody's way", () => {
  const audience = new Audience("f", new Map([["owner", [{ joined: 0, left: END }]]]), 0);
  audience.join(["ann"], 4);
  audience.leave(["ann"], 4);
  audience.join(["ann"], 4);
  expect(audience.at(4)).toEqual(["owner"]);
  expect(audience.at(5)).toEqual(["owner", "ann"]);
  audience.leave(["ann"], 6);
  expect(audience.at(6)).toEqual(["owner", "ann"]);
  expect(audience.at(7)).toEqual(["owner"]);
});
