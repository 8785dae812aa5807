import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** The only labels there are. Each has few values, known beforehand: never a user, a conversation, an address or a text from outside. */
export const labelNames = [
  "role",
  "method",
  "code",
  "mode",
  "outcome",
  "partition",
  "consumer",
  "tier",
  "store",
  "reason",
  "kind",
  "protocol",
] as const;
export type LabelName = (typeof labelNames)[number];

/** One metric: counters end in `_total`, times are in seconds (`_seconds`), sizes in bytes (`_bytes`). */
export interface MetricDefinition {
  kind: "counter" | "gauge" | "histogram";
  help: string;
  labels?: readonly LabelName[];
  /** Upper bounds; histograms only. */
  buckets?: readonly number[];
  /** Gauges: what one scrape of several processes shows; their sum if left out. */
  over?: "max" | "min";
}
export type MetricTable = Record<`tributary_${string}`, MetricDefinition>;

/** Bounds for what a user waits for, in seconds: 0.5 ms to 10 s. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

type Labels<D extends MetricDefinition> = D extends { labels: readonly (infer L extends LabelName)[] } ? L : never;
type Instrument<D extends MetricDefinition> = D["kind"] extends "counter"
  ? Counter<Labels<D>>
  : D["kind"] extends "gauge"
    ? Gauge<Labels<D>>
    : Histogram<Labels<D>>;
export type Metrics<T extends MetricTable> = { readonly [N in keyof T]: Instrument<T[N] & MetricDefinition> };

/** The metrics of the running process itself; every station has a table of its own beside its code. */
export const runMetrics = {
  tributary_redis_child_restarts_total: { kind: "counter", help: "Times the embedded Redis ended by itself and was started again." },
  tributary_clickhouse_child_memory_bytes: { kind: "gauge", help: "Memory of the embedded ClickHouse." },
  tributary_clickhouse_child_sessions: { kind: "gauge", help: "Queries the embedded ClickHouse runs, by kind of user.", labels: ["kind"] },
  tributary_ready: {
    kind: "gauge",
    help: "1 if every dependency that serving needs answered when `/ready` was asked last, else 0; of several processes the least.",
    over: "min",
  },
} as const satisfies MetricTable;

/** An empty registry; with `processMetrics` it also has CPU, memory, garbage collection and event-loop lag. One a process, so that tests can have many. */
export function createRegistry({ processMetrics }: { processMetrics: boolean }): Registry {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry });
  return registry;
}

/** Makes and registers every metric of a table, and gives them by name, typed by kind and labels. Throws when a name is taken or breaks the naming rules. */
export function defineMetrics<const T extends MetricTable>(registry: Registry, table: T): Metrics<T> {
  const made = Object.entries<MetricDefinition>(table).map(([name, definition]) => [name, instrument(registry, name, definition)]);
  return Object.fromEntries(made) as Metrics<T>;
}

function instrument(registry: Registry, name: string, definition: MetricDefinition) {
  const { kind, help, labels = [], buckets = latencyBuckets, over = "sum" } = definition;
  if (!/^tributary(_[a-z0-9]+)+$/.test(name)) throw new Error(`metric ${name}: name it tributary_… in lower case`);
  if ((kind === "counter") !== name.endsWith("_total")) throw new Error(`metric ${name}: counters, and only they, end in _total`);
  const unknown = labels.find((label) => !labelNames.includes(label));
  if (unknown !== undefined) throw new Error(`metric ${name}: the label ${unknown} is not in labelNames`);
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === "counter") return new Counter(common);
  return kind === "gauge" ? new Gauge({ ...common, aggregator: over }) : new Histogram({ ...common, buckets: [...buckets] });
}
