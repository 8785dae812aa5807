import { setTimeout as after } from "node:timers/promises";
import { keys, partitions, SEND_SHARDS } from "#shared/hot/keys.ts";
import { nodeMemories } from "#shared/hot/nodes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";

/** Share of the hot tier's memory above which sends are asked to come again: what is left is for fan-out and reading to go on. */
const FULL = 0.9;
const LOOK = 1_000;
/** How long a look waits for a master that is away: what the others say counts without it (ms). */
const PATIENCE = 500;

/** Streams on the way of a send that must not grow without end. */
const streamsOfSends = (): readonly string[] => [
  ...partitions().map(keys.outbox),
  ...Array.from({ length: SEND_SHARDS }, (_, shard) => keys.sends(shard)),
];

export interface Pressure extends Disposable {
  /** Why no more sends are taken for now; null while they are. */
  high(): string | null;
}

/** Looks once a second at the hot tier's memory, where it has a limit (on a cluster one full master is enough), and at how many stream entries wait for their consumers. */
export function watchPressure(hot: Hot, logger: Logger, outboxMax: number): Pressure {
  const streams = streamsOfSends();
  let high: string | null = null;

  const lengths = new Map<string, number>();
  let full = false;

  async function look(): Promise<void> {
    const memories = nodeMemories(hot).then((nodes) => {
      full = nodes.some(({ used, limit }) => limit > 0 && used > limit * FULL);
    });
    const asked = streams.map(async (stream) => lengths.set(stream, await hot.redis.xlen(stream)));
    await Promise.race([Promise.allSettled([memories, ...asked]), after(PATIENCE, undefined, { ref: false })]);
    const longest = Math.max(0, ...lengths.values());
    const now = full ? "the hot tier is nearly full" : longest >= outboxMax ? "too much waits for its delivery" : null;
    if (now === high) return;
    high = now;
    if (now === null) logger.warn({}, "there is room again; sends are taken");
    else logger.warn({ longest, outboxMax }, `${now}; sends are refused until there is room`);
  }
  const timer = setInterval(() => void look(), LOOK);
  timer.unref();
  return { high: () => high, [Symbol.dispose]: () => clearInterval(timer) };
}
