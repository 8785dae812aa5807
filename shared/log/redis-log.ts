import { keys, partitions, SEND_SHARDS } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Log, LogLag } from "./port.ts";
import { consumeStreams, type Streams } from "./redis-streams.ts";

/** What was committed, as the scripts write it: one stream a partition. */
export const outbox: Streams = {
  what: "the outbox",
  get count() {
    return partitions().length;
  },
  stream: keys.outbox,
  cursor: keys.cursor,
  lease: keys.lease,
  workers: keys.workers,
};

/** Sends that were accepted, by sender. */
export const sendStreams: Streams = {
  what: "the log of sends",
  count: SEND_SHARDS,
  stream: keys.sends,
  cursor: (_, shard) => keys.sendsCursor(shard),
  lease: (_, shard) => keys.sendsLease(shard),
  workers: keys.workers,
};

/** A log whose consumers read the Redis streams themselves. `consumers`: whose positions tell what is handled. */
export function redisLog(deps: { hot: Hot; streams: Streams; logger: Logger; consumers: readonly string[] }): Log {
  const { hot, streams, consumers } = deps;
  return {
    consume: (consuming) => consumeStreams(deps, consuming),
    async lags() {
      const lags = await Promise.all(consumers.map((consumer) => lagsOf(hot, streams, consumer)));
      return lags.flat();
    },
  };
}

/** How far a consumer of streams is behind: at most all that is kept, for what others have yet to handle is kept too. */
async function lagsOf(hot: Hot, streams: Streams, consumer: string): Promise<LogLag[]> {
  const all = Array.from({ length: streams.count }, (_, partition) => partition);
  return Promise.all(
    all.map(async (partition) => {
      const cursor = (await hot.redis.get(streams.cursor(consumer, partition))) ?? "0-0";
      const [waiting, length] = await Promise.all([
        hot.redis.xrange(streams.stream(partition), `(${cursor}`, "+", "COUNT", 1),
        hot.redis.xlen(streams.stream(partition)),
      ]);
      return { consumer, partition, records: waiting.length === 0 ? 0 : length };
    }),
  );
}
