import type { Graph } from "#shared/graph/port.ts";
import type { Bus } from "#shared/hot/bus.ts";
import type { Changing } from "#shared/hot/changes.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Metrics } from "#shared/run/metrics.ts";
import type { GraphCalls } from "./graph-calls.ts";
import type { relationMetrics } from "./metrics.ts";

/** What the relation station works with. */
export interface Deps extends Changing {
  graph: Graph;
  /** The graph, for changes. */
  calls: GraphCalls;
  bus: Bus;
  dedupeWindowMs: number;
  /** True if the archive is to have rows of inbox events. */
  archiveInbox: boolean;
  logger: Logger;
  metrics: Metrics<typeof relationMetrics>;
}
