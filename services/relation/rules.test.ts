import { assert, constantFrom, array, property, record, type Arbitrary } from "fast-check";
import { expect, test } from "vitest";
import { newPair, otherOf, sideOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { applied, type Act } from "./rules.ts";
import { SetModel } from "./testing.ts";

const acts: readonly Act[] = ["follow", "unfollow", "request", "accept", "decline", "unfriend", "add", "block", "unblock"];

interface Step {
  by: string;
  act: Act;
  alias: string | undefined;
}
const aStep: Arbitrary<Step> = record({
  by: constantFrom("ann", "bob"),
  act: constantFrom(...acts),
  alias: constantFrom("", "Annie", "B", undefined),
});

/** Plays one act on a pair: the pair after it, and what came of it. */
function play(pair: Pair, { by, act, alias }: Step, now: number): [Pair, "changed" | "unchanged" | 103 | 107] {
  try {
    const next = applied(pair, by, act, now, alias === undefined ? {} : { alias });
    return next === null ? [pair, "unchanged"] : [next, "changed"];
  } catch (thrown) {
    if (thrown instanceof Refusal && (thrown.code === 103 || thrown.code === 107)) return [pair, thrown.code];
    throw thrown;
  }
}

test("the rules do to a pair what they do to plain sets of names", () => {
  assert(
    property(array(aStep, { maxLength: 40 }), (steps) => {
      const model = new SetModel();
      let pair = newPair("bob", "ann");
      for (const [i, step] of steps.entries()) {
        const [next, outcome] = play(pair, step, i + 1);
        expect([i, step, outcome]).toEqual([i, step, model.act(step.by, otherOf(pair, step.by), step.act, step.alias)]);
        expect(next.version).toBe(pair.version + (outcome === "changed" ? 1 : 0));
        pair = next;
        for (const user of ["ann", "bob"]) expect(shownOf(pair, user)).toEqual(model.view(user, otherOf(pair, user)));
      }
    }),
    { numRuns: 1_000 },
  );
});

/** A pair as the model says it. */
function shownOf(pair: Pair, user: string) {
  const [mine, theirs] = [sideOf(pair, user), sideOf(pair, otherOf(pair, user))];
  return {
    following: mine.following !== null,
    followed: theirs.following !== null,
    friend: pair.friends !== null,
    contact: mine.contact !== null,
    alias: mine.contact?.alias ?? "",
    request: mine.requested === null ? (theirs.requested === null ? null : "in") : "out",
    blocking: mine.blocking !== null,
  };
}

test("what an act does not concern keeps its times", () => {
  const followed = applied(newPair("ann", "bob"), "ann", "follow", 10) as Pair;
  const added = applied(followed, "ann", "add", 20, { alias: "B" }) as Pair;
  const renamed = applied(added, "ann", "add", 30, { alias: "Bobby" }) as Pair;
  expect(renamed.ab).toMatchObject({ following: 10, contact: { since: 20, alias: "Bobby" } });
  expect(renamed.ba).toEqual(newPair("ann", "bob").ba);
});

test("who has declined is remembered for the one who declined", () => {
  const asked = applied(newPair("ann", "bob"), "ann", "request", 10, { note: "it is me" }) as Pair;
  expect(asked.ab.requested).toEqual({ since: 10, note: "it is me" });
  const declined = applied(asked, "bob", "decline", 20) as Pair;
  expect([declined.ab.requested, declined.ba.declined, declined.ab.declined]).toEqual([null, 20, null]);
});
