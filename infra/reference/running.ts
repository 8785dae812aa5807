import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "#shared/run/config.ts";
import type { MetricDefinition } from "#shared/run/metrics.ts";
import type { Setting } from "#shared/run/setting-kinds.ts";
import { page, table } from "./markdown.ts";

/** The pages about running: settings and metrics. */

export function settingsPage(): string {
  const rows = Object.entries<Setting<unknown>>(settings).map(([name, { type, default: fallback, range, description, secret }]) => {
    const shown = fallback === null ? "none" : `\`${fallback}\``;
    return [`\`${name}\``, shown, `${type}: ${range}`, secret ? `${description} Never shown or logged.` : description];
  });
  return page("Settings", "`shared/run/config.ts`", [
    "From the environment; nothing else is read from it. A bad setting stops the start with one line that names it.",
    table(["setting", "default", "takes", ""], rows),
  ]);
}

const root = join(import.meta.dirname, "../..");
const isTable = (value: unknown): value is Record<string, MetricDefinition> =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).length > 0 &&
  Object.keys(value).every((key) => key.startsWith("tributary_"));

/** Every metric table, found by its declaration; throws where one is not exported, for then nobody could read of it. */
export async function metricTables(): Promise<[path: string, metrics: Record<string, MetricDefinition>][]> {
  const paths = globSync("{shared,services}/**/*.ts", { cwd: root }).filter((path) => !path.endsWith(".test.ts"));
  const declaring = paths.filter((path) => /^\} as const satisfies MetricTable;$/m.test(readFileSync(join(root, path), "utf8")));
  return Promise.all(
    declaring.toSorted().map(async (path): Promise<[string, Record<string, MetricDefinition>]> => {
      const exported = Object.values((await import(join(root, path))) as Record<string, unknown>).find(isTable);
      if (exported === undefined) throw new Error(`${path} does not export its metric table`);
      return [path, exported];
    }),
  );
}

export async function metricsPage(): Promise<string> {
  const parts = (await metricTables()).flatMap(([path, metrics]) => {
    const rows = Object.entries(metrics).map(([name, { kind, help, labels = [] }]) => [
      `\`${name}\``,
      kind,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]);
    return [
      `## ${path.split("/")[0] === "shared" ? "Process" : (path.split("/")[1] ?? "")}`,
      table(["metric", "kind", "labels", ""], rows),
    ];
  });
  return page("Metrics", "the metric tables beside the code", [
    "At `GET /metrics`, as Prometheus reads them, beside those of the Node process (CPU, memory, garbage collection, event-loop lag).",
    ...parts,
  ]);
}
