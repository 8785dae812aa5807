import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Registry, collectDefaultMetrics } from "prom-client";
import { expect, test } from "vitest";
import { dashboardFile, dashboardText } from "#infra/docs.ts";
import { metricTables } from "#infra/reference/running.ts";

/** Names of all that a server shows; of histograms with the series that Prometheus keeps. */
async function knownMetrics(): Promise<Map<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>([["up", []]]);
  for (const [, metrics] of await metricTables()) {
    for (const [name, { kind, labels = [] }] of Object.entries(metrics)) {
      known.set(name, labels);
      if (kind === "histogram") for (const series of ["bucket", "sum", "count"]) known.set(`${name}_${series}`, [...labels, "le"]);
    }
  }
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of await registry.getMetricsAsJSON()) known.set(name, []);
  return known;
}

/** Metrics that a query names. */
const named = (query: string): string[] =>
  [...query.matchAll(/\b(up|(?:tributary|process|nodejs)_[a-z0-9_]+)\b/g)].map(([, name = ""]) => name);
/** Labels that a query asks for, beside those that Prometheus gives each series. */
const labelsOf = (query: string): string[] =>
  [...query.matchAll(/\bby \(([^)]*)\)|([a-z_]+)=~?"/g)]
    .flatMap(([, by, where]) => (by ?? where ?? "").split(","))
    .map((label) => label.trim())
    .filter((label) => !["", "instance", "job", "le"].includes(label));

const alerts = readFileSync(join(import.meta.dirname, "../../infra/monitoring/alerts.yml"), "utf8");
const expressions = [...alerts.matchAll(/^ +expr: (.+)$/gm)].map(([, query = ""]) => query);

test("the dashboard is what its description gives: run `npm run docs`", () => {
  expect(readFileSync(dashboardFile, "utf8")).toBe(dashboardText());
});

test("every panel and alert asks for metrics and labels that there are", async () => {
  const known = await knownMetrics();
  const queries = [...dashboardText().matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(([, query]) => JSON.parse(`"${query}"`) as string);
  expect(queries.length).toBeGreaterThan(20);
  expect(expressions.length).toBeGreaterThan(5);
  for (const query of [...queries, ...expressions]) {
    const metrics = named(query);
    expect(metrics, query).not.toEqual([]);
    for (const metric of metrics) expect([...known.keys()], query).toContain(metric);
    const labels = metrics.flatMap((metric) => known.get(metric) ?? []);
    for (const label of labelsOf(query)) expect(labels, query).toContain(label);
  }
});

test("every alert says what it means", () => {
  const count = (pattern: RegExp) => [...alerts.matchAll(pattern)].length;
  expect(count(/^ +summary: "./gm)).toBe(expressions.length);
  expect(count(/^ +description: "./gm)).toBe(expressions.length);
});
