import { newPair } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { factLine, factOf, holdsNothing, parseFact, type Fact } from "#shared/hot/facts.ts";
import { factHolders, heldBy } from "#shared/hot/fact-walk.ts";
import { barSingle, between, relate, type Kept } from "#shared/hot/relating.ts";
import type { Deps } from "./deps.ts";
import { keepFollowing } from "./following.ts";

/** What a rebuild needs: it may run beside servers that serve. */
export type Rebuilding = Pick<Deps, "hot" | "graph" | "ids" | "fanoutWriteMax" | "logger">;

/** What a rebuild has done. */
export interface Rebuilt {
  /** Pairs looked at, some of them twice: once in the graph, once in the facts. */
  pairs: number;
  /** Of these, whose facts were not as the graph has them, and are now. */
  mended: number;
  /** Left to the servers, which have just changed them. */
  left: number;
}

/** Pairs of one question: few large ones, for a graph without an order to walk along looks at all its pairs for each. */
const PAGE = 10_000;
/** Others asked for at once in a user's facts. */
const HELD = 1_000;
/** Pairs looked at side by side: others wait for Redis no longer than for a few scripts. */
const AT_ONCE = 50;
/** Changes under way at once, at most, while a rebuild goes on. */
const MOST_UNSETTLED = 10_000;

/**
 * Makes the facts in Redis what the graph says: first every pair of the graph, then every fact that the graph may know nothing of. Tells nobody and
 * archives nothing, for nothing has changed. May be ended and begun again at any time. Rejects while a store is away.
 * @param progress told after each page
 */
export async function rebuildFacts(deps: Rebuilding, progress: (so: Readonly<Rebuilt>) => void): Promise<Rebuilt> {
  const so: Rebuilt = { pairs: 0, mended: 0, left: 0 };
  for (let after: { a: string; b: string } | null = null; ;) {
    const page: Pair[] = await deps.graph.scan(after, PAGE);
    await mendAll(deps, page, so);
    progress(so);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = { a: last.a, b: last.b };
  }
  for await (const user of factHolders(deps.hot)) {
    for await (const others of heldBy(deps.hot, user, HELD)) {
      await mendAll(deps, await deps.graph.pairs(others.map((other) => newPair(user, other))), so);
      progress(so);
    }
  }
  return so;
}

async function mendAll(deps: Rebuilding, pairs: readonly Pair[], so: Rebuilt): Promise<void> {
  for (let first = 0; first < pairs.length; first += AT_ONCE) {
    const some = pairs.slice(first, first + AT_ONCE);
    const kept = await Promise.all(some.map((pair) => between(deps.hot, pair)));
    const wrong = some.filter((pair, i) => !isAsKept(pair, kept[i] as [Kept, Kept]));
    so.pairs += some.length;
    if (wrong.length > 0) await mendSome(deps, wrong, so);
    await Promise.all(some.map((pair) => mendAround(deps, pair, wrong.includes(pair))));
  }
}

/** The single and the feeds of a pair. */
async function mendAround(deps: Rebuilding, pair: Pair, wrong: boolean): Promise<void> {
  const { a, b, ab, ba } = pair;
  if (wrong || ab.blocking !== null || ba.blocking !== null) await barSingle(deps.hot, pair);
  if (wrong || ab.following !== null) await keepFollowing(deps, a, b);
  if (wrong || ba.following !== null) await keepFollowing(deps, b, a);
}

async function mendSome(deps: Rebuilding, wrong: readonly Pair[], so: Rebuilt): Promise<void> {
  const { graph } = deps;
  // Who changes a pair notes it first and settles it then: what is not noted now and still wrong afterwards is nobody's to settle.
  const notes = await graph.unsettled(Date.now() + 60_000, MOST_UNSETTLED);
  const noted = new Set(notes.map(({ a, b }) => `${a} ${b}`));
  const now = await graph.pairs(wrong);
  const outcomes = await Promise.all(now.map((pair) => mend(deps, pair, noted)));
  so.left += outcomes.filter((outcome) => outcome === "left").length;
  so.mended += outcomes.filter((outcome) => outcome === "mended").length;
}

/** Gives both of a pair the lines that the graph says, whatever version they know: nobody else is about to. */
async function mend({ hot, graph }: Rebuilding, given: Pair, noted: ReadonlySet<string>): Promise<"mended" | "known" | "left"> {
  if (noted.has(`${given.a} ${given.b}`)) return "left";
  const kept = await between(hot, given);
  if (isAsKept(given, kept)) return "known";
  const pair = versionOf(kept) > given.version ? ((await graph.pairs([given]))[0] ?? given) : given;
  if (pair.version !== given.version) return "left";
  const parts = [
    { user: pair.a, other: pair.b, had: kept[0], fact: factOf(pair, pair.a), rows: [], pointer: "" },
    { user: pair.b, other: pair.a, had: kept[1], fact: factOf(pair, pair.b), rows: [], pointer: "" },
  ];
  if ((await relate(hot, parts, false)).length < parts.length) return "left";
  if (versionOf(kept) > pair.version) await barSingle(hot, pair, true);
  return "mended";
}

const versionOf = (kept: readonly Kept[]): number =>
  Math.max(...kept.flatMap(({ line, told }) => [parseFact(line)?.version ?? 0, parseFact(told)?.version ?? 0]));

/** True if the lines are those that the pair makes, and nothing later is known. */
const isAsKept = (pair: Pair, kept: readonly [Kept, Kept]): boolean =>
  kept[0].line === lineOf(factOf(pair, pair.a)) && kept[1].line === lineOf(factOf(pair, pair.b)) && versionOf(kept) <= pair.version;

const lineOf = (fact: Fact): string => (holdsNothing(fact) ? "" : factLine(fact));
