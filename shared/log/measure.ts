import type { Registry } from "prom-client";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics, type MetricTable } from "#shared/run/metrics.ts";
import type { Log } from "./port.ts";

export const logMetrics = {
  tributary_log_lag_records: {
    kind: "gauge",
    help: "Entries of the log that a consumer has not handled, at most. Consumers: fanout, archive, send (accepted sends) and, with Kafka, relay.",
    labels: ["consumer", "partition"],
    over: "max",
  },
} as const satisfies MetricTable;

const INTERVAL = 2_000;

/** Puts into the metrics how far each consumer is behind. While a log is away its last figures stand. */
export function measureLags(deps: { logs: readonly Pick<Log, "lags">[]; registry: Registry; logger: Logger }): AsyncDisposable {
  const { logs, registry, logger } = deps;
  const metrics = defineMetrics(registry, logMetrics);
  const measuring = new Map<Pick<Log, "lags">, Promise<void>>();

  async function measure(log: Pick<Log, "lags">): Promise<void> {
    try {
      for (const { consumer, partition, records } of await log.lags())
        metrics.tributary_log_lag_records.set({ consumer, partition: String(partition) }, records);
    } catch (err) {
      logger.debug({ err }, "how far a log is behind can't be told now");
    }
    measuring.delete(log);
  }
  const timer = setInterval(() => {
    for (const log of logs) if (!measuring.has(log)) measuring.set(log, measure(log));
  }, INTERVAL);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.all(measuring.values());
    },
  };
}
