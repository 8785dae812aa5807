import type { Cypher } from "#shared/graph/cypher.ts";
import type { Names } from "./names.ts";

/** A text as a literal. */
const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
const listed = (texts: readonly string[]): string => `[${texts.map(quoted).join(", ")}]`;

interface Chain {
  user: string;
  other: string;
  max: number;
  avoided: readonly string[];
}

/** Steps that one search goes: what lies farther is found where a search from either end meets the other. */
const REACH = 3;

/** A shortest chain, by searches that go no farther than they must. */
export async function shortest(cypher: Cypher, names: Names, chain: Chain): Promise<string[] | null> {
  const direct = await chainOf(cypher, { ...chain, max: Math.min(chain.max, REACH) });
  if (direct !== null || chain.max <= REACH) return direct;
  const between = await meeting(cypher, chain);
  if (between === null) return null;
  const [via = ""] = await names.of(cypher, [between.place]);
  const before = await chainOf(cypher, { ...chain, other: via, max: between.before });
  const after = await chainOf(cypher, { ...chain, user: via, max: between.after });
  return before === null || after === null ? null : [...before, ...after.slice(1)];
}

/** The steps of a chain, around those to be avoided: conditions within a chain take no parameters. */
function steps(max: number, avoided: readonly string[]): string {
  const around = avoided.length === 0 ? "" : `(r, n | WHERE NOT n.id IN ${listed(avoided)})`;
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
  place: number;
  before: number;
  after: number;
}

/** The middle of a shortest chain of more than three steps. */
async function meeting(cypher: Cypher, { user, other, max, avoided }: Chain): Promise<Middle | null> {
  const allowed = avoided.length === 0 ? "" : `AND NOT m.id IN ${listed(avoided)}`;
  const at = async (pattern: string, id: string, distance: number): Promise<Set<number>> => {
    const statement = `MATCH p = ${pattern} WITH m, length(p) AS n WHERE n = ${distance} ${allowed} RETURN offset(id(m)) AS place`;
    const rows = await cypher.run<{ place: number }>(statement, { id });
    return new Set(rows.map(({ place }) => place));
  };
  const ahead = (distance: number) => at(`(:User {id: $id})${steps(distance, avoided)}(m:User)`, user, distance);
  const behind = (distance: number) => at(`(m:User)${steps(distance, avoided)}(:User {id: $id})`, other, distance);
  const near = await ahead(2);
  const four = middle(near, await behind(2), 2, 2);
  if (four !== null || max < 5) return four;
  const far = await behind(3);
  const five = middle(near, far, 2, 3);
  return five !== null || max < 6 ? five : middle(await ahead(3), far, 3, 3);
}

function middle(one: Set<number>, another: Set<number>, before: number, after: number): Middle | null {
  const [place] = one.intersection(another);
  return place === undefined ? null : { place, before, after };
}
