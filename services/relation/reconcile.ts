import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { keys } from "#shared/hot/keys.ts";
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
/** Changes settled in one step, and of these at once. */
const STEP = 500;
const AT_ONCE = 20;

/** Looks after what a process that ended has left between graph and facts: one process at a time, by a lease. Goes on until disposed, whatever fails. */
export function startReconciling(deps: Deps): AsyncDisposable {
  const { hot, logger } = deps;
  const owner = randomUUID();
  const ending = new AbortController();
  const lease = (life: number) => hot.run("lease", [keys.settlingLease], [owner, life]) as Promise<number[]>;

  async function round(): Promise<boolean> {
    const [held] = await lease(LEASE);
    if (held !== 1) return false;
    const more = await settleLeft(deps);
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

/** Settles the oldest changes that were left, by what is so now. True if there may be more. */
async function settleLeft(deps: Deps): Promise<boolean> {
  const { graph, metrics } = deps;
  const left = await graph.unsettled(Date.now() - LEFT, STEP);
  if (left.length === 0) return false;
  const pairs = await graph.pairs(left);
  for (let first = 0; first < pairs.length; first += AT_ONCE) {
    const some = pairs.slice(first, first + AT_ONCE);
    await Promise.all(some.map((pair, i) => settle(deps, pair, { at: left[first + i]?.at ?? Date.now(), actor: null, note: "" })));
  }
  metrics.tributary_relation_healed_total.inc(left.length);
  settled(deps, pairs);
  return left.length === STEP;
}
