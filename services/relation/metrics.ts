import { latencyBuckets, type MetricTable } from "#shared/run/metrics.ts";

export const relationMetrics = {
  tributary_relation_changes_total: {
    kind: "counter",
    help: "Changes of relations written to the graph, by what was done.",
    labels: ["kind"],
  },
  tributary_relation_races_total: { kind: "counter", help: "Changes made anew because another had changed the pair meanwhile." },
  tributary_relation_settle_seconds: {
    kind: "histogram",
    help: "Time from a change in the graph to its facts, events and feeds.",
    buckets: latencyBuckets,
  },
  tributary_relation_healed_total: {
    kind: "counter",
    help: "Changes that another process, or this one, had left half done between graph and facts.",
  },
  tributary_relation_filled_total: { kind: "counter", help: "Followers brought into feeds that were created after they had followed." },
} as const satisfies MetricTable;
