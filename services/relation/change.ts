import { otherOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { factOf, relationOf } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { relationsChange } from "#shared/hot/relating.ts";
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
  const { calls, metrics } = deps;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const [before] = await Promise.all([calls.pair(actor, other), relationsChange(deps.hot)]);
    const now = Date.now();
    const after = applied(before, actor, act, now, words);
    if (after === null) return { relation: await shown(deps, before, actor), moved: false };
    if (!(await calls.write({ pair: after, from: before.version }))) {
      metrics.tributary_relation_races_total.inc();
      continue;
    }
    metrics.tributary_relation_changes_total.inc({ kind: act });
    const end = metrics.tributary_relation_settle_seconds.startTimer();
    const moved = await settle(deps, after, { at: now, actor, note: words.note ?? "" });
    end();
    settled(deps, after);
    return { relation: await shown(deps, after, actor), moved };
  }
  throw new Refusal(108, "this pair is being changed by many at once; try again");
}

/** The pair as one of the two is shown it. */
async function shown({ hot }: Deps, pair: Pair, user: string): Promise<Relation> {
  const other = otherOf(pair, user);
  return relationOf(other, factOf(pair, user), await hot.redis.get(keys.feed(other)));
}

/** Forgets the note of a pair that is settled. One that stays is settled again, which does nothing. */
export function settled({ calls, logger }: Deps, pair: Pair): void {
  calls.settled(pair).catch((err: unknown) => logger.debug({ err }, "a settled relation is still noted in the graph; it is settled again"));
}
