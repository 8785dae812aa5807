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
export function measureLags({ logs, registry, logger }: { logs: readonly Log[]; registry: Registry; logger: Logger }): AsyncDisposable {
  const metrics = defineMetrics(registry, logMetrics);
  let measuring: Promise<void> | null = null;
  async function measure(): Promise<void> {
    try {
      const lags = await Promise.all(logs.map((log) => log.lags()));
      for (const { consumer, partition, records } of lags.flat())
        metrics.tributary_log_lag_records.set({ consumer, partition: String(partition) }, records);
    } catch (err) {
      logger.debug({ err }, "how far the log is behind can't be told now");
    }
  }
  const timer = setInterval(() => {
    measuring ??= measure().finally(() => {
      measuring = null;
    });
  }, INTERVAL);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await measuring;
    },
  };
}
