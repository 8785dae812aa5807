import type { Pair, Side } from "./port.ts";

const noSide: Side = { following: null, contact: null, requested: null, blocking: null, declined: null };

/** A pair between which nothing ever was. */
export function newPair(one: string, other: string): Pair {
  const [a = "", b = ""] = [one, other].toSorted();
  return { a, b, version: 0, friends: null, ab: noSide, ba: noSide };
}

/** What `user`, one of the pair, holds of the other. */
export const sideOf = (pair: Pair, user: string): Side => (user === pair.a ? pair.ab : pair.ba);

/** The other one of a pair. */
export const otherOf = (pair: Pick<Pair, "a" | "b">, user: string): string => (user === pair.a ? pair.b : pair.a);
