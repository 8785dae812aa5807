import { setTimeout as after } from "node:timers/promises";
import { resultOf, settled, watch, type Chat, type Slice } from "./chat.ts";

/** ms between two looks at what is due. */
const TICK = 1;

/**
 * Sends `rate` messages a second for the time given, pair after pair, whatever the answers do, then waits until all has arrived everywhere.
 * Times count from the moment a message was due: a generator that comes late does not make the server look fast.
 */
export async function runPaced(chat: Chat, rate: number, seconds: number): Promise<Slice> {
  const watching = watch(chat);
  const most = Math.floor(rate * seconds);
  const started = performance.now();
  for (let sent = 0; sent < most;) {
    const due = Math.min(most, Math.floor(((performance.now() - started) / 1_000) * rate));
    for (; sent < due; sent++) {
      const pair = chat.pairs[sent % chat.pairs.length];
      if (pair !== undefined) watching.send(pair, started + (sent / rate) * 1_000);
    }
    await after(TICK);
  }
  await settled(chat);
  return resultOf(watching, started);
}
