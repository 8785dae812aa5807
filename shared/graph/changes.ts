import type { Cypher, Engine } from "./cypher.ts";
import type { Pair } from "./port.ts";
import { difference, type Edge, edgeKinds, type EdgeKind, encodeState, strangers, textOf } from "./record.ts";

/** A pair that is to be another; `before` is undefined where it has no record yet. */
export interface Change {
  key: string;
  before: Pair | undefined;
  pair: Pair;
  /** When it is noted as unsettled (Unix ms), unless it is already; null: not. */
  at: number | null;
}

const UPDATE_PAIRS = `UNWIND $rows AS r WITH r.key AS k, r.version AS version, r.state AS state, r.at AS at
  MATCH (p:Pair {key: k}) SET p.version = version, p.state = state, p.noted = coalesce(p.noted, at)`;

const ADD_USERS = "UNWIND $ids AS i MERGE (:User {id: i})";

/** Statement that makes relationships of a kind, from `rows: { from, to, since, text }`. */
export const addEdges = (kind: EdgeKind): string => {
  const name = textOf[kind as keyof typeof textOf];
  const properties = name === undefined ? "since: since" : `since: since, ${name}: text`;
  return `UNWIND $rows AS r WITH r.from AS x, r.to AS y, r.since AS since, r.text AS text
    MATCH (a:User {id: x}) WITH a, y, since, text MATCH (b:User {id: y}) CREATE (a)-[:${kind} {${properties}}]->(b)`;
};

/** Brings records, relationships and counts to what the pairs shall be, within a transaction. */
export async function applyChanges({ dialect }: Engine, cypher: Cypher, changes: readonly Change[]): Promise<void> {
  const row = ({ key, pair, at }: Change) => ({ key, version: pair.version, state: encodeState(pair), at });
  const known = changes.filter(({ before }) => before !== undefined).map(row);
  const fresh = changes.filter(({ before }) => before === undefined).map(row);
  if (known.length > 0) await cypher.run(UPDATE_PAIRS, { rows: known });
  if (fresh.length > 0) await cypher.run(dialect.createPairs, { rows: fresh });
  cypher.log?.([...known, ...fresh]);
  const differences = changes.map(({ before, pair }) => difference(before ?? strangers(pair.a, pair.b), pair));
  const gone = Map.groupBy(
    differences.flatMap((one) => one.gone),
    ({ kind }) => kind,
  );
  const made = differences.flatMap((one) => one.made);
  for (const [kind, edges] of gone) await dialect.removeEdges(cypher, kind, edges);
  if (made.length > 0) await makeEdges(cypher, made);
  const counts = countsOf(made, gone.get("FOLLOWS") ?? []);
  if (counts.length > 0) await dialect.addCounts?.(cypher, counts);
}

async function makeEdges(cypher: Cypher, made: readonly Edge[]): Promise<void> {
  const ids = [...new Set(made.flatMap(({ from, to }) => [from, to]))].toSorted();
  await cypher.run(ADD_USERS, { ids });
  for (const kind of edgeKinds) {
    const rows = made.filter((edge) => edge.kind === kind).map(({ from, to, since, text }) => ({ from, to, since, text }));
    if (rows.length > 0) await cypher.run(addEdges(kind), { rows });
  }
}

/** What the counts of followers change by. */
export function countsOf(made: readonly Edge[], gone: readonly Edge[]): { id: string; followers: number; following: number }[] {
  const counts = new Map<string, { id: string; followers: number; following: number }>();
  const add = (id: string, what: "followers" | "following", by: number) => {
    const count = counts.get(id) ?? { id, followers: 0, following: 0 };
    count[what] += by;
    counts.set(id, count);
  };
  const addAll = (edges: readonly Edge[], by: number) => {
    for (const { kind, from, to } of edges) {
      if (kind !== "FOLLOWS") continue;
      add(from, "following", by);
      add(to, "followers", by);
    }
  };
  addAll(made, 1);
  addAll(gone, -1);
  return [...counts.values()].filter(({ followers, following }) => followers !== 0 || following !== 0);
}
