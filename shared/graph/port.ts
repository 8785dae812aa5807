/**
 * The relation graph: who follows, befriends, knows and blocks whom, and how people hang together. Two implementations keep this port: Neo4j
 * (neo4j.ts) and the embedded Cypher graph (embedded.ts). The rules of what a call may change are not here but in services/relation/rules.ts; a
 * graph only reads pairs, writes them whole if nobody else did meanwhile, and answers questions about chains.
 *
 * Every method rejects with a `Refusal` 108 within 2 s while the graph is away, and has then changed nothing or all.
 */

/** What one user holds of another. Times are Unix ms; null: not so. */
export interface Side {
  following: number | null;
  contact: { since: number; alias: string } | null;
  /** Asked for friendship, and the other has not answered yet. */
  requested: { since: number; note: string } | null;
  blocking: number | null;
  /** When this user last declined a request of the other: no suggestion any more. */
  declined: number | null;
}

/** All that is between two users. `a` sorts before `b` by code points. */
export interface Pair {
  a: string;
  b: string;
  /** 0: nothing was ever between them. Only rises, also after everything has ended. */
  version: number;
  /** Friends since. */
  friends: number | null;
  /** What a holds of b. */
  ab: Side;
  ba: Side;
}

/** A pair as it shall be. `version` is the new one, `from` the one that it was made from. */
export interface Write {
  pair: Pair;
  from: number;
}

/** A written pair whose effects outside of the graph (facts, feed, events) are not yet known to be complete. Kept by the graph in the same transaction. */
export interface Unsettled {
  a: string;
  b: string;
  /** Version that was written. */
  version: number;
  /** Unix ms */
  at: number;
}

export type ListKind = "followers" | "following" | "friends" | "contacts" | "requests" | "blocked";

/** Place in a list: newest first, then by user. What changes before or after it moves nothing past it twice. */
export interface Place {
  since: number;
  user: string;
}

export interface Graph extends AsyncDisposable {
  /** The pairs asked for, in that order; those with nothing between them as version 0. Users need not exist. */
  pairs(asked: readonly { a: string; b: string }[]): Promise<Pair[]>;
  /**
   * Writes each pair whose version is still `from`, and notes it as unsettled, in one transaction. At most one write a pair in a call.
   * @returns for each whether it was written
   */
  write(writes: readonly Write[]): Promise<boolean[]>;
  /** Forgets notes of unsettled pairs up to the given versions. */
  settled(done: readonly Omit<Unsettled, "at">[]): Promise<void>;
  /** Notes from before `before` (Unix ms), oldest first. */
  unsettled(before: number, limit: number): Promise<Unsettled[]>;
  /** A page of a user's relations of a kind, newest first; `requests` in both directions. */
  list(user: string, kind: ListKind, after: Place | null, limit: number): Promise<Place[]>;
  /** Friends in common, by user. */
  mutual(user: string, other: string, limit: number): Promise<string[]>;
  /**
   * Friends of friends, and authors followed along with those that the user follows, by the weight of the ties that lead there and how fresh these
   * are; without oneself, friends, followed, contacts, asked, declined, or blocked in either direction.
   */
  suggest(user: string, limit: number): Promise<string[]>;
  /**
   * Shortest chain of friendships, contacts and follows, in their direction, of at most `max` steps, both ends included; [] if there is none. Nobody on
   * it blocks the user or is blocked by them. A chain to oneself is [user].
   */
  path(user: string, other: string, max: number): Promise<string[]>;
  /** Authors followed or befriended by those whom the user follows or befriended, by weight; without oneself, followed, or blocked in either direction. */
  secondRing(user: string, limit: number): Promise<string[]>;
  /** Every pair that has anything between it or ever had, in the order of (a, b), from behind `after`. For rebuilding facts. */
  scan(after: { a: string; b: string } | null, limit: number): Promise<Pair[]>;
  /** Adds many pairs that the graph does not have yet, without notes: for imports and benches. */
  load(pairs: readonly Pair[]): Promise<void>;
  /** Rejects while the graph does not answer. */
  ping(): Promise<void>;
}
