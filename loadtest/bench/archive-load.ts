import { setTimeout as after } from "node:timers/promises";
import type { Chat, Slice } from "./chat.ts";
import { runPaced } from "./paced.ts";

/** How often a watch looks (ms). */
const LOOK = 1_000;

/** Sends as `runPaced` does; meanwhile `each` is called about once a second with the time since the start (s) and what was answered so far. */
export async function sendPaced(
  chat: Chat,
  rate: number,
  seconds: number,
  each: (at: number, answered: number) => Promise<void>,
): Promise<Slice> {
  const answered = (): number => chat.pairs.reduce((sum, { acked }) => sum + acked, 0);
  const before = answered();
  const looking = lookOn(() => answered() - before, each);
  try {
    return await runPaced(chat, rate, seconds);
  } finally {
    await looking.end();
  }
}

/** Calls `each` until ended, one call after the other. */
function lookOn(answered: () => number, each: (at: number, answered: number) => Promise<void>) {
  const started = performance.now();
  let open = true;
  const looks = (async () => {
    for (let next = started + LOOK; open; next += LOOK) {
      await after(Math.max(0, next - performance.now()));
      if (open) await each((performance.now() - started) / 1_000, answered());
    }
  })();
  return {
    async end() {
      open = false;
      await looks;
    },
  };
}
