import { clearInterval, setInterval, setTimeout } from "k6/timers";
import { ownLag } from "./metrics.ts";

export const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until a condition holds; false when it still does not after so many milliseconds. */
export function until(condition: () => boolean, ms: number): Promise<boolean> {
  if (condition()) return Promise.resolve(true);
  const end = Date.now() + ms;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const holds = condition();
      if (!holds && Date.now() < end) return;
      clearInterval(timer);
      resolve(holds);
    }, 20);
  });
}

const TICK_MS = 10;

/** Acts so many times a second for so many seconds, whatever becomes of it: what was late is made up for in the next turn. */
export function pace(rate: number, seconds: number, act: () => void): Promise<void> {
  const begin = Date.now();
  const all = Math.ceil(rate * seconds);
  let done = 0;
  let dueAt = begin + TICK_MS;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      ownLag.add(Math.max(0, Date.now() - dueAt));
      dueAt = Date.now() + TICK_MS;
      const due = Math.min(all, Math.ceil(((Date.now() - begin) / 1_000) * rate));
      while (done < due) {
        done++;
        act();
      }
      if (done < all) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
}

/** Works on all items, so many at a time. */
export async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}
