import type { Logger } from "#shared/run/logger.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { keys, nodeChannel } from "./keys.ts";
import type { Hot } from "./redis.ts";

/** A node that has not been heard of for this long is gone (ms). */
const NODE_LIFE = 10_000;
const HEARTBEAT = 2_000;
/** Channel on which a new node says so: the others look again at once. */
const NEW_NODES = "nodes";

/**
 * Carries pushes from fan-out workers to gateway nodes. Best effort and in order per sender: what is lost is found out by positions.
 * Within a process a batch is handed over directly.
 */
export interface Bus extends AsyncDisposable {
  /** Takes this node's batches. One call a node. */
  listen(node: string, take: (batch: PushBatch) => void): Promise<void>;
  publish(node: string, batch: PushBatch): void;
  /** Nodes heard of lately, refreshed every 2 s. */
  nodes(): ReadonlySet<string>;
}

/** Opens the bus. */
export async function openBus(hot: Hot, logger: Logger): Promise<Bus> {
  const local = new Map<string, (batch: PushBatch) => void>();
  let known = new Set<string>();
  const subscriber = hot.connect();
  subscriber.on("message", (channel: string, text: string) => {
    if (channel === NEW_NODES) void beat();
    else local.get(channel)?.(JSON.parse(text) as PushBatch);
  });

  async function beat(): Promise<void> {
    try {
      const now = Date.now();
      for (const channel of local.keys()) await hot.redis.zadd(keys.nodes, now, channel);
      await hot.redis.zremrangebyscore(keys.nodes, "-inf", `(${now - NODE_LIFE * 6}`);
      known = new Set(await hot.redis.zrangebyscore(keys.nodes, now - NODE_LIFE, "+inf"));
    } catch (err) {
      logger.debug({ err }, "no heartbeat while Redis is away");
    }
  }
  const timer = setInterval(() => void beat(), HEARTBEAT);
  await subscriber.subscribe(NEW_NODES);
  await beat();

  return {
    async listen(node, take) {
      local.set(nodeChannel(node), take);
      await subscriber.subscribe(nodeChannel(node));
      await beat();
      await hot.redis.publish(NEW_NODES, node);
    },
    publish(node, batch) {
      const take = local.get(nodeChannel(node));
      if (take !== undefined) take(batch);
      else
        hot.redis
          .publish(nodeChannel(node), JSON.stringify(batch))
          .catch((err: unknown) => logger.debug({ err, node }, "a push was not carried"));
    },
    nodes: () => new Set([...known].map((channel) => channel.slice("node:".length))),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const channel of local.keys()) await hot.redis.zrem(keys.nodes, channel).catch(() => 0);
      subscriber.disconnect();
    },
  };
}
