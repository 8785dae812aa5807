import type { Registry } from "prom-client";
import { defineMetrics, latencyBuckets, type MetricTable } from "#shared/run/metrics.ts";

export const gatewayMetrics = {
  tributary_gateway_connections: { kind: "gauge", help: "WebSocket connections that are open." },
  tributary_gateway_commands_total: {
    kind: "counter",
    help: "Commands that came in, by kind, and method of an rpc.",
    labels: ["kind", "method"],
  },
  tributary_gateway_errors_total: { kind: "counter", help: "Error answers over WebSocket and HTTP, by code.", labels: ["code"] },
  tributary_gateway_closes_total: {
    kind: "counter",
    help: "Closed connections by the code this side gave; `client` where the other side left.",
    labels: ["code"],
  },
  tributary_gateway_slow_cuts_total: { kind: "counter", help: "Connections cut because they read too slowly." },
  tributary_gateway_sent_bytes_total: { kind: "counter", help: "Bytes written to WebSockets." },
  tributary_gateway_calls: { kind: "gauge", help: "Calls over WebSocket and HTTP that have come and are not answered yet." },
  tributary_gateway_rpc_seconds: {
    kind: "histogram",
    help: "From arrival of a call to its answer, by method.",
    labels: ["method"],
    buckets: latencyBuckets,
  },
} as const satisfies MetricTable;

/** What the gateway counts, one method an event. */
export interface GatewayMetrics {
  opened(): void;
  /** `code` is null when the client left. */
  closed(code: number | null): void;
  command(kind: string, method: string): void;
  called(): void;
  answered(method: string, seconds: number): void;
  refused(code: number): void;
  sent(bytes: number): void;
}

/** Registers the gateway's metrics. Label sets are looked up once and kept: this is on the path of every message. */
export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const made = defineMetrics(registry, gatewayMetrics);
  const commands = kept((key) => {
    const [kind = "", method = ""] = key.split(" ");
    return made.tributary_gateway_commands_total.labels(kind, method);
  });
  const seconds = kept((method) => made.tributary_gateway_rpc_seconds.labels(method));
  return {
    opened: () => made.tributary_gateway_connections.inc(),
    closed(code) {
      made.tributary_gateway_connections.dec();
      made.tributary_gateway_closes_total.inc({ code: code ?? "client" });
      if (code === 3008) made.tributary_gateway_slow_cuts_total.inc();
    },
    command: (kind, method) => commands(`${kind} ${method}`).inc(),
    called: () => made.tributary_gateway_calls.inc(),
    answered(method, took) {
      made.tributary_gateway_calls.dec();
      seconds(method).observe(took);
    },
    refused: (code) => made.tributary_gateway_errors_total.inc({ code }),
    sent: (bytes) => made.tributary_gateway_sent_bytes_total.inc(bytes),
  };
}

function kept<T>(make: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const found = known.get(key) ?? make(key);
    known.set(key, found);
    return found;
  };
}
