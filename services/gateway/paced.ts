import { setTimeout as after } from "node:timers/promises";

/** Few enough not to keep the server that takes them in from its work (clients a second). */
const PER_SECOND = 500;
const STEP_MS = 100;

/** How fast clients are sent elsewhere. */
export interface Pace {
  /** Longest time that all of them may take; 0: at once. */
  seconds: number;
  /** So many a second, or more where that would take longer. */
  perSecond?: number;
  /** Aborted: the rest at once. */
  hurry?: AbortSignal | undefined;
}

/**
 * Takes one after the other out of `rest`, at a pace, and calls `tell` for it. Others may take some out meanwhile, whose turn nobody waits for. The first
 * tenth of a second is not waited for, so that a few are told at once.
 */
export async function paced<T>(rest: Set<T>, { seconds, perSecond = PER_SECOND, hurry }: Pace, tell: (one: T) => void): Promise<void> {
  const rate = Math.max(perSecond, rest.size / seconds);
  const began = performance.now();
  for (let told = 0; rest.size > 0;) {
    const due = Math.max(1, Math.floor((rate * (performance.now() - began + STEP_MS)) / 1_000));
    const some = hurry?.aborted === true ? rest.size : Math.max(0, due - told);
    for (const one of rest.values().take(some)) {
      rest.delete(one);
      tell(one);
    }
    told += some;
    if (rest.size > 0) await after(STEP_MS, undefined, hurry === undefined ? {} : { signal: hurry }).catch(() => undefined);
  }
}
