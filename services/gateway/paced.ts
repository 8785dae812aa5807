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

/** Calls `tell` for one after the other, at a pace. The first tenth of a second is not waited for, so that a few are told at once. */
export async function paced<T>(all: readonly T[], { seconds, perSecond = PER_SECOND, hurry }: Pace, tell: (one: T) => void): Promise<void> {
  const rate = Math.max(perSecond, all.length / seconds);
  const began = performance.now();
  for (let told = 0; told < all.length;) {
    const due = hurry?.aborted === true ? all.length : Math.max(1, Math.floor((rate * (performance.now() - began + STEP_MS)) / 1_000));
    for (const one of all.slice(told, due)) tell(one);
    told = Math.max(told, due);
    if (told < all.length) await after(STEP_MS, undefined, hurry === undefined ? {} : { signal: hurry }).catch(() => undefined);
  }
}
