import type { MetricTable } from "#shared/run/metrics.ts";

export const timelineMetrics = {
  tributary_history_archive_pages_total: {
    kind: "counter",
    help: "Archived pages that readers of a conversation wanted: `read` from ClickHouse, or `shared` with a reader of the last seconds.",
    labels: ["outcome"],
  },
} as const satisfies MetricTable;
