import { setTimeout as after } from "node:timers/promises";

/** A pause that others may cut short. */
export interface Waker {
  /** Ends the pause there is; without one, does nothing. */
  wake(): void;
  /** Resolves when woken, at the latest after so many ms. */
  pause(ms: number): Promise<void>;
}

export function createWaker(): Waker {
  let waking = new AbortController();
  return {
    wake() {
      waking.abort();
      waking = new AbortController();
    },
    pause: (ms) => after(ms, undefined, { signal: waking.signal }).catch(() => undefined),
  };
}
