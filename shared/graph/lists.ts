import type { Engine } from "./cypher.ts";
import type { Graph, ListKind, Place } from "./port.ts";

/** Where each list finds its users. */
const patterns: Record<Exclude<ListKind, "requests">, string> = {
  followers: "(:User {id: $user})<-[e:FOLLOWS]-(x:User)",
  following: "(:User {id: $user})-[e:FOLLOWS]->(x:User)",
  friends: "(:User {id: $user})-[e:FRIEND]->(x:User)",
  contacts: "(:User {id: $user})-[e:CONTACT]->(x:User)",
  blocked: "(:User {id: $user})-[e:BLOCKS]->(x:User)",
};

const PAGE = `WHERE since < $since OR (since = $since AND user > $last)
  RETURN user, since ORDER BY since DESC, user LIMIT $limit`;

const statements: Record<ListKind, string> = {
  ...(Object.fromEntries(
    Object.entries(patterns).map(([kind, pattern]) => [kind, `MATCH ${pattern} WITH x.id AS user, e.since AS since ${PAGE}`]),
  ) as typeof patterns),
  requests: `MATCH (:User {id: $user})-[e:REQUESTED]-(x:User) WITH x.id AS user, max(e.since) AS since ${PAGE}`,
};

/** Before the newest. */
const start: Place = { since: Number.MAX_SAFE_INTEGER, user: "" };

/** The lists of the port. A page of a user's followers costs as much as they have followers: newest first is by their age, which no index has. */
export function createLists(engine: Engine): Pick<Graph, "list" | "mutual"> {
  return {
    list: async (user, kind, after, limit) => {
      const { since, user: last } = after ?? start;
      return await engine.read((cypher) => cypher.run<Place>(statements[kind], { user, since, last, limit }));
    },
    mutual: async (user, other, limit) => {
      const friends = "MATCH (:User {id: $user})-[:FRIEND]->(x:User) RETURN x.id AS id";
      const [mine, theirs] = await engine.read(async (cypher) => [
        await cypher.run<{ id: string }>(friends, { user }),
        await cypher.run<{ id: string }>(friends, { user: other }),
      ]);
      const both = new Set(mine.map(({ id }) => id)).intersection(new Set(theirs.map(({ id }) => id)));
      return [...both].toSorted().slice(0, limit);
    },
  };
}
