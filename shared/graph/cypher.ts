/** What a statement may be given. */
export type Parameter = string | number | boolean | null | Parameter[] | { [name: string]: Parameter };
export type Parameters = Record<string, Parameter>;

/** Runs statements in Cypher that both graphs understand; rows come as objects by column name. */
export interface Cypher {
  run<Row>(statement: string, parameters?: Parameters): Promise<Row[]>;
  /** Where the database keeps a journal of its own: told what each pair's record has become in a transaction. */
  log?: (records: readonly Logged[]) => void;
}

/** A pair's record, as it is written. `at`: Unix ms since when it is noted as unsettled; null: it is not. */
export interface Logged {
  key: string;
  version: number;
  state: string;
  at: number | null;
}

/** An edge in or out of a user, with what is known of the other end. */
export interface Neighbour {
  kind: string;
  id: string;
  since: number;
  followers: number;
  following: number;
}

/**
 * Where the two graphs must be asked in different words. Statements that are plain values are run as they are; they take the parameters named.
 */
export interface Dialect {
  /** Locks the pairs' records for the rest of the transaction, where more than one process writes. */
  hold(cypher: Cypher, keys: { known: string[]; fresh: string[] }): Promise<void>;
  /** `rows: { key, version, state, at }`: pairs that had no record; `at` is when they are noted as unsettled, null where they are not. */
  createPairs: string;
  /** Takes one kind of relationships away. */
  removeEdges(cypher: Cypher, kind: string, edges: { from: string; to: string }[]): Promise<void>;
  /** Where counts of followers are kept: adds to them. `null`: the graph counts by itself. */
  addCounts: ((cypher: Cypher, counts: { id: string; followers: number; following: number }[]) => Promise<void>) | null;
  /** `user`: → Neighbour: all that goes out from a user. */
  neighbours: string;
  /** A shortest chain as `ids`, of at most `max` steps, around the users in `avoided`. */
  shortest(cypher: Cypher, chain: { user: string; other: string; max: number; avoided: string[] }): Promise<string[] | null>;
  /**
   * The weightiest of those who may interest a user. Parameters: `user`, `through` (ids: whom to go through), `now`, `limit`; for `alongside` also `since`
   * and `busy`.
   */
  candidates(cypher: Cypher, kind: Candidates, parameters: Parameters): Promise<Candidate[]>;
}

/**
 * `beyond`: whom those followed or befriended by the user follow or befriend. `friendsBeyond`: friends of those friends. `alongside`: whom others follow who
 * since a time follow the same authors, and follow no more than are `busy`.
 */
export type Candidates = "beyond" | "friendsBeyond" | "alongside";

export interface Candidate {
  id: string;
  weight: number;
}

/** A graph database in its two ways of being asked. */
export interface Engine {
  dialect: Dialect;
  read: <Result>(work: (cypher: Cypher) => Promise<Result>) => Promise<Result>;
  /** One transaction: all of the work or nothing. It may be run again from its beginning. */
  write: <Result>(work: (cypher: Cypher) => Promise<Result>) => Promise<Result>;
}
