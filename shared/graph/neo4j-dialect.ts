import type { Candidates, Cypher, Dialect } from "./cypher.ts";

/** How much the age of a relationship leaves of it: half after 90 days. */
const fresh = (edge: string): string => `0.5 ^ (($now - ${edge}.since) / 7776000000.0)`;
const weight = (edge: string): string => `CASE type(${edge}) WHEN 'FRIEND' THEN 2.0 ELSE 1.0 END * ${fresh(edge)}`;

async function shortest(
  cypher: Cypher,
  { user, other, max, avoided }: { user: string; other: string; max: number; avoided: string[] },
): Promise<string[] | null> {
  const around = avoided.length === 0 ? "" : "WHERE none(n IN nodes(p) WHERE n.id IN $avoided)";
  const [found] = await cypher.run<{ ids: string[] }>(
    `MATCH (a:User {id: $user}), (b:User {id: $other}) MATCH p = shortestPath((a)-[:FOLLOWS|FRIEND|CONTACT*1..${max}]->(b)) ${around}
     RETURN [n IN nodes(p) | n.id] AS ids`,
    { user, other, avoided },
  );
  return found?.ids ?? null;
}

/** → `id`, `weight` */
const candidates: Record<Candidates, string> = {
  beyond: `UNWIND $through AS t MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND]->(x:User {id: t})-[f:FOLLOWS|FRIEND]->(y:User)
    RETURN y.id AS id, sum(${weight("e")} * ${weight("f")}) AS weight`,
  friendsBeyond: `UNWIND $through AS t MATCH (:User {id: $user})-[e:FRIEND]->(x:User {id: t})-[f:FRIEND]->(y:User)
    RETURN y.id AS id, sum(4.0 * ${fresh("e")} * ${fresh("f")}) AS weight`,
  alongside: `UNWIND $through AS t MATCH (:User {id: $user})-[e:FOLLOWS]->(x:User {id: t})<-[f:FOLLOWS]-(z:User)
    WHERE f.since >= $since AND z.id <> $user AND COUNT { (z)-[:FOLLOWS]->() } <= $busy
    MATCH (z)-[g:FOLLOWS]->(y:User) RETURN y.id AS id, sum(${fresh("e")} * ${fresh("g")}) AS weight`,
};

/** How Neo4j is asked. */
export const neo4jDialect: Dialect = {
  // A written property is locked until the transaction ends, also where it is what it was.
  hold: async (cypher, { known, fresh: absent }) => {
    if (known.length > 0) await cypher.run("UNWIND $keys AS k MATCH (p:Pair {key: k}) SET p.held = true", { keys: known });
    if (absent.length > 0) await cypher.run("UNWIND $keys AS k MERGE (p:Pair {key: k}) SET p.held = true", { keys: absent });
  },
  createPairs: "UNWIND $rows AS r MERGE (p:Pair {key: r.key}) SET p.version = r.version, p.state = r.state, p.noted = r.at",
  removeEdges: async (cypher, kind, edges) => {
    const rows = edges.map(({ from, to }) => ({ from, to }));
    await cypher.run(`UNWIND $rows AS r MATCH (:User {id: r.from})-[e:${kind}]->(:User {id: r.to}) DELETE e`, { rows });
  },
  addCounts: null,
  neighbours: `MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND|CONTACT|REQUESTED|BLOCKS]->(x:User)
    RETURN type(e) AS kind, x.id AS id, e.since AS since, COUNT { (x)<-[:FOLLOWS]-() } AS followers, COUNT { (x)-[:FOLLOWS]->() } AS following`,
  shortest,
  candidates: (cypher, kind, parameters) => cypher.run(`${candidates[kind]} ORDER BY weight DESC, id LIMIT $limit`, parameters),
};
