import { standings } from "./chains.ts";
import type { Candidate, Candidates, Cypher, Engine, Neighbour, Parameters } from "./cypher.ts";
import type { Graph } from "./port.ts";

/** Relations of a user that are followed further: the newest. */
const MOST_SOURCES = 200;
/** Edges behind them that one question may look at. */
const BEYOND_BUDGET = 10_000;
/** Other followers of the same authors that are looked at. */
const ALONGSIDE_BUDGET = 400;
/** Followers, the newest, that stand for all where every author of the user has too many. */
const CROWD_SAMPLE = 300;
/** Who follows more than this says little by it. */
const BUSY = 500;
/** Candidates beyond the ones asked for: some are known or blocked. */
const SPARE = 200;
const MOST_CANDIDATES = 3_000;

type Suggestions = Pick<Graph, "suggest" | "secondRing">;

/**
 * What may interest a user, by the ties that lead there: each counts twice among friends, and half as much for each 90 days of its age. The work is
 * bounded by the budgets above, however many follow an author or are followed by somebody.
 */
export function createSuggestions({ dialect, read }: Engine): Suggestions {
  const neighbours = (cypher: Cypher, user: string) => cypher.run<Neighbour>(dialect.neighbours, { user });
  async function askThrough(cypher: Cypher, kind: Candidates, parameters: Parameters & { through: string[] }): Promise<Candidate[]> {
    return parameters.through.length === 0 ? [] : await dialect.candidates(cypher, kind, parameters);
  }

  async function alongside(cypher: Cypher, known: readonly Neighbour[], ask: Parameters): Promise<Candidate[]> {
    const through = newest(known, ["FOLLOWS"], ({ followers }) => followers, ALONGSIDE_BUDGET);
    if (through.length > 0) return await askThrough(cypher, "alongside", { ...ask, through, busy: BUSY, since: 0 });
    const [least] = known.filter(({ kind }) => kind === "FOLLOWS").toSorted((x, y) => x.followers - y.followers);
    if (least === undefined) return [];
    const [oldest] = await cypher.run<{ since: number }>(
      "MATCH (:User {id: $id})<-[g:FOLLOWS]-(:User) RETURN g.since AS since ORDER BY since DESC SKIP $sample LIMIT 1",
      { id: least.id, sample: CROWD_SAMPLE },
    );
    return await askThrough(cypher, "alongside", { ...ask, through: [least.id], busy: BUSY, since: (oldest?.since ?? -1) + 1 });
  }

  return {
    suggest: async (user, limit) =>
      await read(async (cypher) => {
        const known = await neighbours(cypher, user);
        const ask = { user, now: Date.now(), limit: candidatesFor(limit, known) };
        const found = [
          ...(await askThrough(cypher, "friendsBeyond", { ...ask, through: newest(known, ["FRIEND"], () => 0, 1) })),
          ...(await alongside(cypher, known, ask)),
        ];
        const unknown = (standing: Standing) => {
          const { mine, theirs, friends } = standing;
          const open = [mine.following, mine.contact, mine.requested, theirs.requested, mine.declined, theirs.declined, friends];
          return !isBlocked(standing) && open.every((one) => one === null);
        };
        return await pick(cypher, user, found, limit, unknown);
      }),
    secondRing: async (user, limit) =>
      await read(async (cypher) => {
        const known = await neighbours(cypher, user);
        const through = newest(known, ["FOLLOWS", "FRIEND"], ({ following }) => following, BEYOND_BUDGET);
        const found = await askThrough(cypher, "beyond", { user, now: Date.now(), limit: candidatesFor(limit, known), through });
        return await pick(cypher, user, found, limit, (standing) => standing.mine.following === null && !isBlocked(standing));
      }),
  };
}

type Standing = NonNullable<ReturnType<Awaited<ReturnType<typeof standings>>["get"]>>;
const isBlocked = ({ mine, theirs }: Standing): boolean => mine.blocking !== null || theirs.blocking !== null;

const candidatesFor = (limit: number, known: readonly Neighbour[]) => Math.min(limit + known.length + SPARE, MOST_CANDIDATES);

/** The newest of some kinds whose costs together stay within a budget; one that does not fit is passed over. */
function newest(known: readonly Neighbour[], kinds: readonly string[], cost: (one: Neighbour) => number, budget: number): string[] {
  const ids = new Set<string>();
  let left = budget;
  for (const one of known.filter(({ kind }) => kinds.includes(kind)).toSorted((x, y) => y.since - x.since)) {
    if (ids.size >= MOST_SOURCES) break;
    if (cost(one) > left || ids.has(one.id)) continue;
    left -= cost(one);
    ids.add(one.id);
  }
  return [...ids];
}

/** The weightiest that are fit, by what stands between them and the user. */
async function pick(
  cypher: Cypher,
  user: string,
  found: readonly Candidate[],
  limit: number,
  fit: (standing: Standing) => boolean,
): Promise<string[]> {
  const weights = new Map<string, number>();
  for (const { id, weight } of found) if (id !== user) weights.set(id, (weights.get(id) ?? 0) + weight);
  const order = [...weights].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([id]) => id);
  const picked: string[] = [];
  for (let from = 0; from < order.length && picked.length < limit; from += SPARE) {
    const some = order.slice(from, from + SPARE);
    const standing = await standings(cypher, user, some);
    picked.push(...some.filter((id) => fit(standing.get(id)!)));
  }
  return picked.slice(0, limit);
}
