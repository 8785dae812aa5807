import { expect, test } from "vitest";
import { createRegistry, defineMetrics, runMetrics } from "./metrics.ts";

test("a table becomes metrics that Prometheus can read", async () => {
  const registry = createRegistry({ processMetrics: false });
  const metrics = defineMetrics(registry, {
    tributary_sends_total: { kind: "counter", help: "Sends.", labels: ["outcome"] },
    tributary_sockets: { kind: "gauge", help: "Open sockets." },
    tributary_send_seconds: { kind: "histogram", help: "Time to acknowledge.", buckets: [0.1, 1] },
  });
  metrics.tributary_sends_total.inc({ outcome: "committed" }, 2);
  metrics.tributary_sockets.set(3);
  metrics.tributary_send_seconds.observe(0.5);
  const page = await registry.metrics();
  expect(page).toContain('tributary_sends_total{outcome="committed"} 2');
  expect(page).toContain("tributary_sockets 3");
  expect(page).toContain('tributary_send_seconds_bucket{le="1"} 1');
});

test("names and labels outside the rules are refused", () => {
  const registry = createRegistry({ processMetrics: false });
  expect(() => defineMetrics(registry, { tributary_sends: { kind: "counter", help: "." } })).toThrow("_total");
  expect(() => defineMetrics(registry, { tributary_Bad: { kind: "gauge", help: "." } })).toThrow("lower case");
  // @ts-expect-error a user is no label
  expect(() => defineMetrics(registry, { tributary_x: { kind: "gauge", help: ".", labels: ["user"] } })).toThrow("labelNames");
});

test("the process metrics come on demand beside the table of the process", async () => {
  const registry = createRegistry({ processMetrics: true });
  defineMetrics(registry, runMetrics);
  expect(await registry.metrics()).toMatch(/process_cpu_seconds_total[^]*tributary_ready/);
});
