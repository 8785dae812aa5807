import { setTimeout as after } from "node:timers/promises";
import { Refusal } from "#shared/wire/errors.ts";
import { keys, PARTITIONS } from "./keys.ts";
import type { Hot } from "./redis.ts";

/** Compares stream ids "ms-n": negative, 0 or positive. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs, aN] = a.split("-");
  const [bMs, bN] = b.split("-");
  return Number(aMs) - Number(bMs) || Number(aN) - Number(bN);
}

const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function ends(hot: Hot, consumer: string): Promise<{ written: string; handled: string }[]> {
  const rows = (await hot.run(
    "ends",
    partitions.flatMap((p) => [keys.outbox(p), keys.cursor(consumer, p)]),
    [],
  )) as [string, string][];
  return rows.map(([written, handled]) => ({ written, handled }));
}

/**
 * Resolves when a consumer has handled all that was committed before the call.
 * @param patience ms; past it the call is refused with a temporary 108
 */
export async function caughtUp(hot: Hot, consumer: "fanout" | "archive", patience = 1_000): Promise<void> {
  const deadline = Date.now() + patience;
  let now = await ends(hot, consumer);
  const targets = now.map(({ written }) => written);
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    if (now.every(({ handled }, i) => compareStreamIds(handled, targets[i] as string) >= 0)) return;
    if (Date.now() >= deadline)
      throw new Refusal(108, consumer === "fanout" ? "inboxes are behind; try again" : "the archive is behind; try again");
    await after(pause);
    now = await ends(hot, consumer);
  }
}
