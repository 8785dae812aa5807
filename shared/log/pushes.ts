import type { Bus } from "#shared/hot/bus.ts";
import { bucketOfUser } from "#shared/hot/keys.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { KafkaClient } from "./kafka.ts";

export const PUSH = "tributary.push";

/** Carries an event to all devices of a user, on whatever nodes they are, for `live:<user>`. */
export interface LivePushes {
  /** Resolves when it is on its way; then no node that runs misses it, as far as the way is durable. */
  send(user: string, event: object): Promise<void>;
  /** Takes, on a node, what is sent to anybody. */
  listen(node: string, take: (user: string, event: object) => void): AsyncDisposable;
}

/** By the bus: a node whose connection to Redis is broken at the moment misses it. */
export const busPushes = (bus: Bus): LivePushes => ({
  send(user, event) {
    for (const node of bus.nodes()) bus.tell(node, { word: "live", user, event });
    return Promise.resolve();
  },
  // The hub hears the bus.
  listen: () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }),
});

/** By Kafka, keyed by the user, in the partition of their bucket. Each node reads all of it, from when it began on. */
export function kafkaPushes({ kafka, partitions, logger }: { kafka: KafkaClient; partitions: number; logger: Logger }): LivePushes {
  return {
    send: (user, event) =>
      kafka.append(PUSH, [{ partition: bucketOfUser(user) % partitions, key: user, value: JSON.stringify(event), headers: {} }]),
    listen(node, take) {
      const group = `tributary-push-${node}`;
      const member = kafka.join({
        group,
        topic: PUSH,
        from: "latest",
        grace: 0,
        take(_, messages) {
          for (const { key, value } of messages) take(key, JSON.parse(value) as object);
          return Promise.resolve();
        },
        assigned: () => undefined,
      });
      return {
        async [Symbol.asyncDispose]() {
          await member[Symbol.asyncDispose]();
          await kafka.forget(group).catch((err: unknown) => logger.debug({ err, group }, "Kafka will forget this group by itself"));
        },
      };
    },
  };
}
