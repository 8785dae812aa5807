import { compareStreamIds } from "#shared/hot/progress.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { outbox } from "./redis-log.ts";

/**
 * Sees to it that Kafka is not left out while it alone holds what the archive has yet to do: what a relay brought there was trimmed from the outbox.
 * @throws Error of one line that names the setting and the next step
 */
export async function refuseLostBacklog(hot: Hot): Promise<void> {
  for (let partition = 0; partition < outbox.count; partition++) {
    const cursors = [outbox.cursor("relay", partition), outbox.cursor("archive", partition)];
    const [relayed, archived = null] = await hot.redis.mget(cursors);
    const [first] = await hot.redis.xrange(outbox.stream(partition), "-", "+", "COUNT", 1);
    if (typeof relayed !== "string" || first === undefined) continue;
    const at = archived ?? "0-0";
    if (compareStreamIds(at, relayed) < 0 && compareStreamIds(first[0], at) > 0)
      throw new Error(
        "KAFKA_BROKERS is left out, but the Kafka used before holds what the archive has yet to do: start with it until tributary_log_lag_records of the archive is 0",
      );
  }
}
