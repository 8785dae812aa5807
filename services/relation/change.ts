import { newPair, otherOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { factOf, relationOf } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Relation } from "#shared/wire/values.ts";
import type { Deps } from "./deps.ts";
import { applied, type Act, type Words } from "./rules.ts";
import { settle } from "./settle.ts";

/** Tries at a pair that others change at the same time. */
const MOST_TRIES = 50;

/** What came of a change. */
export interface Changed {
  relation: Relation;
  /** True if somebody came into a feed or left one: inboxes may not know yet. */
  moved: boolean;
}

/**
 * Does an act to the pair of two users, and all that follows from it. Refuses with 107 oneself and what was not asked, with 103 whom the other blocks,
 * with 108 while the graph or the hot tier is away; then nothing is changed, or all of it will be.
 */
export async function change(deps: Deps, actor: string, other: string, act: Act, words: Words = {}): Promise<Changed> {
  if (actor === other) throw new Refusal(107, "user must be somebody else");
  const { graph, metrics } = deps;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { a, b } = newPair(actor, other);
    const [before = newPair(a, b)] = await graph.pairs([{ a, b }]);
    const now = Date.now();
    const after = applied(before, actor, act, now, words);
    if (after === null) return { relation: await shown(deps, before, actor), moved: false };
    const [written] = await graph.write([{ pair: after, from: before.version }]);
    if (written !== true) {
      metrics.tributary_relation_races_total.inc();
      continue;
    }
    metrics.tributary_relation_changes_total.inc({ kind: act });
    const end = metrics.tributary_relation_settle_seconds.startTimer();
    const moved = await settle(deps, after, { at: now, actor, note: words.note ?? "" });
    end();
    settled(deps, [after]);
    return { relation: await shown(deps, after, actor), moved };
  }
  throw new Refusal(108, "this pair is being changed by many at once; try again");
}

/** The pair as one of the two is shown it. */
async function shown({ hot }: Deps, pair: Pair, user: string): Promise<Relation> {
  const other = otherOf(pair, user);
  return relationOf(other, factOf(pair, user), await hot.redis.get(keys.feed(other)));
}

/** Forgets the notes of pairs that are settled. One that stays is settled again, which does nothing. */
export function settled({ graph, logger }: Deps, pairs: readonly Pair[]): void {
  graph.settled(pairs).catch((err: unknown) => logger.debug({ err }, "settled relations are noted in the graph; they are settled again"));
}
