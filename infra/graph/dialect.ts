import type { Candidates, Cypher, Dialect } from "#shared/graph/cypher.ts";
import { createNames } from "./names.ts";
import { shortest } from "./paths.ts";

/** How much a relationship counts by its kind. */
const tie = (edge: string): string => `CASE label(${edge}) WHEN 'FRIEND' THEN 2.0 ELSE 1.0 END`;
/** What their ages leave of two relationships: half of each after 90 days. */
const fresh = (one: string, other: string): string => `pow(0.5, ($now - ${one}.since + $now - ${other}.since) / 7776000000.0)`;

async function removeEdges(cypher: Cypher, kind: string, edges: readonly { from: string; to: string }[]): Promise<void> {
  // One by one: a statement for many is planned as a look at all relationships there are.
  for (const { from, to } of edges) await cypher.run(`MATCH (:User {id: $from})-[e:${kind}]->(:User {id: $to}) DELETE e`, { from, to });
}

async function addCounts(cypher: Cypher, counts: { id: string; followers: number; following: number }[]): Promise<void> {
  await cypher.run(
    `UNWIND $rows AS r WITH r.id AS i, r.followers AS followers, r.following AS following
     MATCH (u:User {id: i}) SET u.followers = u.followers + followers, u.following = u.following + following`,
    { rows: counts },
  );
}

/** Candidates by place: → `place`, `weight`. */
const candidates: Record<Candidates, string> = {
  beyond: `MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND]->(x:User)-[f:FOLLOWS|FRIEND]->(y:User) WHERE x.id IN $through
    RETURN offset(id(y)) AS place, sum(${tie("e")} * ${tie("f")} * ${fresh("e", "f")}) AS weight`,
  friendsBeyond: `MATCH (:User {id: $user})-[e:FRIEND]->(x:User)-[f:FRIEND]->(y:User) WHERE x.id IN $through
    RETURN offset(id(y)) AS place, sum(4.0 * ${fresh("e", "f")}) AS weight`,
  alongside: `MATCH (u:User {id: $user})-[e:FOLLOWS]->(x:User)<-[f:FOLLOWS]-(z:User)-[g:FOLLOWS]->(y:User)
    WHERE x.id IN $through AND f.since >= $since AND id(z) <> id(u) AND z.following <= $busy
    RETURN offset(id(y)) AS place, sum(${fresh("e", "g")}) AS weight`,
};

/** How the embedded graph is asked. It plans a statement from one user on well, one from many as a look at everything. */
export function createDialect(): Dialect {
  const names = createNames();
  return {
    // One process writes, one transaction at a time.
    hold: async () => {},
    createPairs: "UNWIND $rows AS r CREATE (:Pair {key: r.key, version: r.version, state: r.state, noted: r.at})",
    removeEdges,
    addCounts,
    neighbours: `MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND|CONTACT|REQUESTED|BLOCKS]->(x:User)
      RETURN label(e) AS kind, x.id AS id, e.since AS since, x.followers AS followers, x.following AS following`,
    shortest: (cypher, chain) => shortest(cypher, names, chain),
    async candidates(cypher, kind, parameters) {
      const statement = `${candidates[kind]} ORDER BY weight DESC, place LIMIT $limit`;
      const rows = await cypher.run<{ place: number; weight: number }>(statement, parameters);
      const ids = await names.of(
        cypher,
        rows.map(({ place }) => place),
      );
      return rows.map(({ weight }, i) => ({ id: ids[i] ?? "", weight }));
    },
  };
}
