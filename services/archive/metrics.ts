import type { MetricTable } from "#shared/run/metrics.ts";

/** What the archive tells about itself; gauges are of the stores, whichever process measures them. `partition` is 0 … of the outbox, `inbox` for the deliveries, or `relations`. */
export const archiveMetrics = {
  tributary_archive_rows_total: { kind: "counter", help: "Rows inserted into ClickHouse, by table.", labels: ["kind"] },
  tributary_archive_batches_total: { kind: "counter", help: "Batches, and attempts at one that failed.", labels: ["outcome"] },
  tributary_archive_seconds: {
    kind: "histogram",
    help: "Time from the reading of a batch to its saved cursor.",
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  tributary_archive_lag_seconds: {
    kind: "gauge",
    help: "Age of the oldest record that is not archived.",
    labels: ["partition"],
    over: "max",
  },
  tributary_archive_lag_records: { kind: "gauge", help: "Stream entries not archived, at most.", labels: ["partition"], over: "max" },
  tributary_archive_missing_total: {
    kind: "counter",
    help: "Entries and pointers found neither in Redis nor in ClickHouse.",
    labels: ["kind"],
  },
  tributary_outbox_length: {
    kind: "gauge",
    help: "Stream entries kept in the outbox, the deliveries and the changes of relations.",
    labels: ["partition"],
    over: "max",
  },
  tributary_tier_bytes: {
    kind: "gauge",
    help: "Bytes of Redis' memory and of ClickHouse's tables on disk.",
    labels: ["tier", "kind"],
    over: "max",
  },
  tributary_hot_rows: { kind: "gauge", help: "Hot entries and pointers at the last survey of Redis.", labels: ["kind"], over: "max" },
  tributary_scheduler_trimmed_total: {
    kind: "counter",
    help: "Rows that left the hot tier after they were read back, and dedupe tables removed.",
    labels: ["kind"],
  },
  tributary_scheduler_runs_total: { kind: "counter", help: "Rounds of the store scheduler.", labels: ["outcome"] },
} as const satisfies MetricTable;
