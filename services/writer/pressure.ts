import { nodeMemories } from "#shared/hot/nodes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";

/** Share of the hot tier's memory above which sends are asked to come again: what is left is for fan-out and reading to go on. */
const FULL = 0.9;
const LOOK = 1_000;

export interface Pressure extends Disposable {
  /** True while the hot tier has no room for more sends. */
  high(): boolean;
}

/** Looks at the hot tier's memory once a second; on a cluster one full master is enough. Without a limit there is no pressure. */
export function watchPressure(hot: Hot, logger: Logger): Pressure {
  let high = false;
  async function look(): Promise<void> {
    const nodes = await nodeMemories(hot);
    const now = nodes.some(({ used, limit }) => limit > 0 && used > limit * FULL);
    if (now !== high)
      logger.warn(
        { nodes },
        now ? "the hot tier is nearly full; sends are refused until the archive has made room" : "the hot tier has room again",
      );
    high = now;
  }
  const timer = setInterval(() => void look().catch(() => undefined), LOOK);
  timer.unref();
  return { high: () => high, [Symbol.dispose]: () => clearInterval(timer) };
}
