import type { Cypher, Dialect } from "#shared/graph/cypher.ts";

/** How much a relationship counts, by kind and age: half after 90 days. */
const weight = (edge: string): string =>
  `CASE label(${edge}) WHEN 'FRIEND' THEN 2.0 ELSE 1.0 END * pow(0.5, ($now - ${edge}.since) / 7776000000.0)`;

const BEST = "ORDER BY weight DESC, id LIMIT $limit";

/** A text as a literal. */
const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

async function removeEdges(cypher: Cypher, kind: string, edges: readonly { from: string; to: string }[]): Promise<void> {
  // One by one: a statement for many is planned as a look at all relationships there are.
  for (const { from, to } of edges) await cypher.run(`MATCH (:User {id: $from})-[e:${kind}]->(:User {id: $to}) DELETE e`, { from, to });
}

async function shortest(
  cypher: Cypher,
  { user, other, max, avoided }: { user: string; other: string; max: number; avoided: readonly string[] },
): Promise<string[] | null> {
  // Conditions within a chain take no parameters.
  const around = avoided.length === 0 ? "" : `(r, n | WHERE NOT n.id IN [${avoided.map(quoted).join(", ")}])`;
  const [found] = await cypher.run<{ ids: string[] }>(
    `MATCH p = (a:User {id: $user})-[:FOLLOWS|FRIEND|CONTACT* SHORTEST 1..${max} ${around}]->(b:User {id: $other})
     RETURN properties(nodes(p), 'id') AS ids LIMIT 1`,
    { user, other },
  );
  return found?.ids ?? null;
}

/** How the embedded graph is asked. It plans a statement from one user on well, one from many as a look at everything. */
export const embeddedDialect: Dialect = {
  // One process writes, one transaction at a time.
  hold: async () => {},
  createPairs: "UNWIND $rows AS r CREATE (:Pair {key: r.key, version: r.version, state: r.state, noted: r.at})",
  removeEdges,
  addCounts: async (cypher, counts) => {
    await cypher.run(
      `UNWIND $rows AS r WITH r.id AS i, r.followers AS followers, r.following AS following
       MATCH (u:User {id: i}) SET u.followers = u.followers + followers, u.following = u.following + following`,
      { rows: counts },
    );
  },
  neighbours: `MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND|CONTACT|REQUESTED|BLOCKS]->(x:User)
    RETURN label(e) AS kind, x.id AS id, e.since AS since, x.followers AS followers, x.following AS following`,
  shortest,
  beyond: `MATCH (:User {id: $user})-[e:FOLLOWS|FRIEND]->(x:User)-[f:FOLLOWS|FRIEND]->(y:User) WHERE x.id IN $through
    RETURN y.id AS id, sum(${weight("e")} * ${weight("f")}) AS weight ${BEST}`,
  friendsBeyond: `MATCH (:User {id: $user})-[e:FRIEND]->(x:User)-[f:FRIEND]->(y:User) WHERE x.id IN $through
    RETURN y.id AS id, sum(4.0 * pow(0.5, ($now - e.since) / 7776000000.0) * pow(0.5, ($now - f.since) / 7776000000.0)) AS weight ${BEST}`,
  alongside: `MATCH (:User {id: $user})-[e:FOLLOWS]->(x:User)<-[f:FOLLOWS]-(z:User)-[g:FOLLOWS]->(y:User)
    WHERE x.id IN $through AND f.since >= $since AND z.id <> $user AND z.following <= $busy
    RETURN y.id AS id, sum(pow(0.5, ($now - e.since) / 7776000000.0) * pow(0.5, ($now - g.since) / 7776000000.0)) AS weight ${BEST}`,
};
