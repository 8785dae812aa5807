import { setTimeout as after } from "node:timers/promises";
import type { Outage } from "#shared/run/outage.ts";

/** From a failure to the next attempt (ms). */
const PAUSE = 200;

/** Does something again until it succeeds. Rejects with its last failure once `over` is aborted. */
export async function persist<Result>(work: () => Promise<Result>, outage: Outage, over: AbortSignal): Promise<Result> {
  for (;;) {
    try {
      const result = await work();
      outage.worked();
      return result;
    } catch (error) {
      if (over.aborted) throw error;
      outage.failed(error);
      await after(PAUSE, undefined, { signal: over }).catch(() => undefined);
    }
  }
}
