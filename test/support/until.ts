import { setTimeout as after } from "node:timers/promises";

/** Waits until a condition holds, by looking again and again; past the deadline (ms) it throws what `lacking` says is not there yet. */
export async function until(condition: () => boolean | Promise<boolean>, deadline: number, lacking: () => string): Promise<void> {
  const end = performance.now() + deadline;
  for (let pause = 1; !(await condition()); pause = Math.min(pause * 2, 20)) {
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${lacking()}`);
    await after(pause);
  }
}
