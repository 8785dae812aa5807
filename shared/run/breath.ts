import { afterTurn } from "./turn.ts";

/** How long a long piece of work may keep the event loop at once, ms. */
const LONGEST = 1;

/**
 * For work that would keep the event loop for long: `taken()` is true when it has had its time, `await pause()` lets what waits have its turn.
 */
export function createBreath(now: () => number = () => performance.now()) {
  let since = now();
  return {
    taken: (): boolean => now() - since >= LONGEST,
    async pause(): Promise<void> {
      await new Promise<void>(afterTurn);
      since = now();
    },
  };
}
