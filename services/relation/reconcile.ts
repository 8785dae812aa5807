import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { keys } from "#shared/hot/keys.ts";
import { relationsChanging } from "#shared/hot/relating.ts";
import { settled } from "./change.ts";
import type { Deps } from "./deps.ts";
import { feedsToFill, fillFeed } from "./feeds.ts";
import { settle } from "./settle.ts";

/** From one look to the next (ms). */
const PAUSE = 1_000;
/** A change that is not settled by then was left by its process (ms). */
const LEFT = 2_000;
/** A process that ended is missed for so long (ms). With the two above, facts are behind for 5 s at most. */
const LEASE = 2_000;
/** Rounds without a look at the graph, at most, while nothing changes. */
const SELDOM = 60;
/** Changes settled in one step, and of these at once. */
const STEP = 500;
const AT_ONCE = 20;

/** Looks after what a process that ended has left between graph and facts: one process at a time, by a lease. Goes on until disposed, whatever fails. */
export function startReconciling(deps: Deps): AsyncDisposable {
  const { hot, logger } = deps;
  const owner = randomUUID();
  const ending = new AbortController();
  const lease = (life: number) => hot.run("lease", [keys.settlingLease], [owner, life]) as Promise<number[]>;

  /** Rounds since the graph was asked and had nothing left; 0 where it is not known. */
  let clean = 0;

  /** The graph is asked while relations change, and now and then in case the hot tier has forgotten that they did. */
  async function settleIfAny(): Promise<boolean> {
    if (clean > 0 && clean < SELDOM && !(await relationsChanging(hot))) {
      clean++;
      return false;
    }
    clean = 0;
    const found = await settleLeft(deps);
    if (found === 0) clean = 1;
    return found === STEP;
  }

  async function round(): Promise<boolean> {
    const [held] = await lease(LEASE);
    if (held !== 1) {
      clean = 0;
      return false;
    }
    const more = await settleIfAny();
    const filling = await feedsToFill(deps);
    const fuller = await Promise.all(filling.slice(0, AT_ONCE).map((author) => fillFeed(deps, author)));
    return more || fuller.includes(true);
  }

  async function work(): Promise<void> {
    for (let failing = false; !ending.signal.aborted;) {
      let more = false;
      try {
        more = await round();
        if (failing) logger.info({}, "relations are looked after again");
        failing = false;
      } catch (err) {
        if (!failing) logger.warn({ err }, "relations cannot be looked after for now; trying again until they can");
        failing = true;
      }
      if (!more) await after(PAUSE, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }
  const working = work();

  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await working;
      await lease(1).catch(() => undefined);
    },
  };
}

/** Settles the oldest changes that were left, by what is so now. Resolves to their number. */
async function settleLeft(deps: Deps): Promise<number> {
  const { graph, metrics } = deps;
  const left = await graph.unsettled(Date.now() - LEFT, STEP);
  if (left.length === 0) return 0;
  const pairs = await graph.pairs(left);
  for (let first = 0; first < pairs.length; first += AT_ONCE) {
    const some = pairs.slice(first, first + AT_ONCE);
    await Promise.all(some.map((pair, i) => settle(deps, pair, { at: left[first + i]?.at ?? Date.now(), actor: null, note: "" })));
  }
  metrics.tributary_relation_healed_total.inc(left.length);
  for (const pair of pairs) settled(deps, pair);
  return left.length;
}
