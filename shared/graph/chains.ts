import type { Cypher, Engine } from "./cypher.ts";
import { readPairs } from "./pairs.ts";
import type { Graph, Side } from "./port.ts";
import { inOrder, pairKey, strangers } from "./record.ts";

/** Chains that are looked for around those just found to be blocked, before all who are blocked are left out at once. */
const MOST_DETOURS = 8;

/** What one user has with others: for each, both sides and since when they are friends. */
export async function standings(
  cypher: Cypher,
  user: string,
  others: readonly string[],
): Promise<Map<string, { mine: Side; theirs: Side; friends: number | null }>> {
  const keyOf = (other: string) => {
    const { a, b } = inOrder(user, other);
    return pairKey(a, b);
  };
  const found = await readPairs(cypher, others.map(keyOf));
  return new Map(
    others.map((other) => {
      const { a, b } = inOrder(user, other);
      const { ab, ba, friends } = found.get(keyOf(other)) ?? strangers(a, b);
      return [other, { mine: user === a ? ab : ba, theirs: user === a ? ba : ab, friends }];
    }),
  );
}

/** Those among the others who block the user or are blocked by them. */
async function blockedAmong(cypher: Cypher, user: string, others: readonly string[]): Promise<string[]> {
  const standing = await standings(cypher, user, others);
  return others.filter((other) => {
    const { mine, theirs } = standing.get(other)!;
    return mine.blocking !== null || theirs.blocking !== null;
  });
}

/** Shortest chains. Blocks are rare on them: a chain is looked for, and again around those on it who turn out to be blocked. */
export function createPaths({ dialect, read }: Engine): Pick<Graph, "path"> {
  return {
    path: async (user, other, max) => {
      if (user === other) return [user];
      return await read(async (cypher) => {
        let avoided: string[] = [];
        for (let detours = 0; ; detours++) {
          const chain = await dialect.shortest(cypher, { user, other, max, avoided });
          if (chain === null) return [];
          const blocked = await blockedAmong(cypher, user, chain.slice(1));
          if (blocked.length === 0) return chain;
          if (blocked.includes(other)) return [];
          avoided = detours < MOST_DETOURS ? [...avoided, ...blocked] : await allBlocked(cypher, user);
        }
      });
    },
  };
}

async function allBlocked(cypher: Cypher, user: string): Promise<string[]> {
  const rows = await cypher.run<{ id: string }>("MATCH (:User {id: $user})-[:BLOCKS]-(x:User) RETURN DISTINCT x.id AS id", { user });
  return rows.map(({ id }) => id);
}
