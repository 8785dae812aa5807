import type { Cypher, Dialect } from "#shared/graph/cypher.ts";

/** How much a relationship counts by its kind. */
const tie = (edge: string): string => `CASE label(${edge}) WHEN 'FRIEND' THEN 2.0 ELSE 1.0 END`;
/** What their ages leave of two relationships: half of each after 90 days. */
const fresh = (one: string, other: string): string => `pow(0.5, ($now - ${one}.since + $now - ${other}.since) / 7776000000.0)`;

const BEST = "ORDER BY weight DESC, id LIMIT $limit";

/** A text as a literal. */
const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

async function removeEdges(cypher: Cypher, kind: string, edges: readonly { from: string; to: string }[]): Promise<void> {
  // One by one: a statement for many is planned as a look at all relationships there are.
  for (const { from, to } of edges) await cypher.run(`MATCH (:User {id: $from})-[e:${kind}]->(:User {id: $to}) DELETE e`, { from, to });
}

interface Chain {
  user: string;
  other: string;
  max: number;
  avoided: readonly string[];
}

/** Steps that one search goes: what lies farther is found where a search from either end meets the other. */
const REACH = 3;

async function shortest(cypher: Cypher, chain: Chain): Promise<string[] | null> {
  const direct = await chainOf(cypher, { ...chain, max: Math.min(chain.max, REACH) });
  if (direct !== null || chain.max <= REACH) return direct;
  const between = await meeting(cypher, chain);
  if (between === null) return null;
  const before = await chainOf(cypher, { ...chain, other: between.user, max: between.before });
  const after = await chainOf(cypher, { ...chain, user: between.user, max: between.after });
  return before === null || after === null ? null : [...before, ...after.slice(1)];
}

/** The steps of a chain, around those to be avoided: conditions within a chain take no parameters. */
function steps(max: number, avoided: readonly string[]): string {
  const around = avoided.length === 0 ? "" : `(r, n | WHERE NOT n.id IN [${avoided.map(quoted).join(", ")}])`;
  return `-[:FOLLOWS|FRIEND|CONTACT* SHORTEST 1..${max} ${around}]->`;
}

async function chainOf(cypher: Cypher, { user, other, max, avoided }: Chain): Promise<string[] | null> {
  const [found] = await cypher.run<{ ids: string[] }>(
    `MATCH p = (a:User {id: $user})${steps(max, avoided)}(b:User {id: $other}) RETURN properties(nodes(p), 'id') AS ids LIMIT 1`,
    { user, other },
  );
  return found?.ids ?? null;
}

/** Somebody in the middle of a chain, with the steps on either side. */
interface Middle {
  user: string;
  before: number;
  after: number;
}

/** The middle of a shortest chain of more than three steps. */
async function meeting(cypher: Cypher, { user, other, max, avoided }: Chain): Promise<Middle | null> {
  const at = async (pattern: string, id: string, distance: number): Promise<Set<string>> => {
    const rows = await cypher.run<{ id: string }>(`MATCH p = ${pattern} WITH m.id AS id, length(p) AS n WHERE n = ${distance} RETURN id`, {
      id,
    });
    return new Set(rows.map((row) => row.id)).difference(new Set(avoided));
  };
  const ahead = (distance: number) => at(`(:User {id: $id})${steps(distance, avoided)}(m:User)`, user, distance);
  const behind = (distance: number) => at(`(m:User)${steps(distance, avoided)}(:User {id: $id})`, other, distance);
  const middle = (one: Set<string>, another: Set<string>, before: number, after: number): Middle | null => {
    const [found] = one.intersection(another);
    return found === undefined ? null : { user: found, before, after };
  };
  const near = await ahead(2);
  const four = middle(near, await behind(2), 2, 2);
  if (four !== null || max < 5) return four;
  const far = await behind(3);
  const five = middle(near, far, 2, 3);
  return five !== null || max < 6 ? five : middle(await ahead(3), far, 3, 3);
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
    RETURN y.id AS id, sum(${tie("e")} * ${tie("f")} * ${fresh("e", "f")}) AS weight ${BEST}`,
  friendsBeyond: `MATCH (:User {id: $user})-[e:FRIEND]->(x:User)-[f:FRIEND]->(y:User) WHERE x.id IN $through
    RETURN y.id AS id, sum(4.0 * ${fresh("e", "f")}) AS weight ${BEST}`,
  alongside: `MATCH (:User {id: $user})-[e:FOLLOWS]->(x:User)<-[f:FOLLOWS]-(z:User)-[g:FOLLOWS]->(y:User)
    WHERE x.id IN $through AND f.since >= $since AND z.id <> $user AND z.following <= $busy
    RETURN y.id AS id, sum(${fresh("e", "g")}) AS weight ${BEST}`,
};
