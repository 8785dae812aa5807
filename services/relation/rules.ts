import { otherOf, sideOf } from "#shared/graph/pair.ts";
import type { Pair, Side } from "#shared/graph/port.ts";
import { Refusal } from "#shared/wire/errors.ts";

/** What one user may do about another. */
export type Act = "follow" | "unfollow" | "request" | "accept" | "decline" | "unfriend" | "add" | "block" | "unblock";

/** What goes with an act: the alias of a contact, the words of a request. */
export interface Words {
  alias?: string;
  note?: string;
}

/** A pair from one user's place: what an act may change of it. */
interface Sides {
  friends: number | null;
  mine: Side;
  theirs: Side;
}

type Rule = (sides: Sides, now: number, words: Words) => Partial<Sides> | null;

const rules: Record<Act, Rule> = {
  follow: ({ mine }, now) => (mine.following === null ? { mine: { ...mine, following: now } } : null),
  unfollow: ({ mine }) => (mine.following === null ? null : { mine: { ...mine, following: null } }),
  request({ friends, mine, theirs }, now, { note = "" }) {
    if (friends !== null || mine.requested !== null) return null;
    if (theirs.requested !== null) return befriended(mine, theirs, now);
    return { mine: { ...mine, requested: { since: now, note } } };
  },
  accept({ mine, theirs }, now) {
    if (theirs.requested === null) throw new Refusal(107, "this user has not asked you for friendship; use relation.request to ask them");
    return befriended(mine, theirs, now);
  },
  decline({ mine, theirs }, now) {
    if (theirs.requested === null) throw new Refusal(107, "this user has not asked you for friendship, so there is nothing to decline");
    return { mine: { ...mine, declined: now }, theirs: { ...theirs, requested: null } };
  },
  unfriend: ({ friends }) => (friends === null ? null : { friends: null }),
  add({ mine }, now, { alias }) {
    const { contact } = mine;
    if (contact === null) return { mine: { ...mine, contact: { since: now, alias: alias ?? "" } } };
    return alias === undefined || alias === contact.alias ? null : { mine: { ...mine, contact: { ...contact, alias } } };
  },
  block({ mine, theirs }, now) {
    if (mine.blocking !== null) return null;
    return { mine: { ...mine, blocking: now, requested: null }, theirs: { ...theirs, following: null, requested: null } };
  },
  unblock: ({ mine }) => (mine.blocking === null ? null : { mine: { ...mine, blocking: null } }),
};

const befriended = (mine: Side, theirs: Side, now: number): Sides => ({
  friends: now,
  mine: { ...mine, requested: null },
  theirs: { ...theirs, requested: null },
});

/** What a blocked user may not do toward the one who blocks them. */
const barred: ReadonlySet<Act> = new Set<Act>(["follow", "request", "accept", "add"]);

/**
 * The pair after an act of `actor`, one of the two; null if it changes nothing.
 * Refuses with 103 where the other blocks the actor, with 107 to accept or decline what was not asked.
 * @param now Unix ms
 */
export function applied(pair: Pair, actor: string, act: Act, now: number, words: Words = {}): Pair | null {
  const before: Sides = { friends: pair.friends, mine: sideOf(pair, actor), theirs: sideOf(pair, otherOf(pair, actor)) };
  if (barred.has(act) && before.theirs.blocking !== null) throw new Refusal(103);
  const changed = rules[act](before, now, words);
  if (changed === null) return null;
  const { friends, mine, theirs } = { ...before, ...changed };
  const [ab, ba] = actor === pair.a ? [mine, theirs] : [theirs, mine];
  return { ...pair, version: pair.version + 1, friends, ab, ba };
}
