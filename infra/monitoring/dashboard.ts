/** The Grafana dashboard, told as rows of panels: `npm run docs` writes its JSON, with which Grafana is provisioned. */

type Unit = "reqps" | "short" | "s" | "bytes" | "Bps";

interface Panel {
  title: string;
  unit: Unit;
  /** PromQL by legend. A legend in braces names a label. */
  lines: Record<string, string>;
}

interface Of {
  /** Label matchers, as in `method="message.send"`. */
  where?: string;
  by?: string;
}

const matching = (metric: string, where = ""): string => (where === "" ? metric : `${metric}{${where}}`);
const summed = (by = ""): string => (by === "" ? "sum" : `sum by (${by})`);

/** A second, over all instances. */
const rate = (counter: string, { where, by }: Of = {}): string => `${summed(by)} (rate(${matching(counter, where)}[$__rate_interval]))`;
const quantile = (q: number, histogram: string, { where, by }: Of = {}): string =>
  `histogram_quantile(${q}, sum by (${by === undefined ? "le" : `le, ${by}`}) (rate(${matching(`${histogram}_bucket`, where)}[$__rate_interval])))`;
const quantiles = (histogram: string, of: Of = {}): Record<string, string> => ({
  p50: quantile(0.5, histogram, of),
  p99: quantile(0.99, histogram, of),
});
const sum = (gauge: string, by?: string): string => `${summed(by)} (${gauge})`;
const most = (gauge: string, by?: string): string => `max${by === undefined ? "" : ` by (${by})`} (${gauge})`;

const rows: Record<string, readonly Panel[]> = {
  "What people see": [
    {
      title: "Messages sent",
      unit: "reqps",
      lines: { sends: rate("tributary_gateway_commands_total", { where: 'method="message.send"' }) },
    },
    { title: "Answer to message.send", unit: "s", lines: quantiles("tributary_gateway_rpc_seconds", { where: 'method="message.send"' }) },
    {
      title: "Slowest methods, p99",
      unit: "s",
      lines: { "{{method}}": `topk(8, ${quantile(0.99, "tributary_gateway_rpc_seconds", { by: "method" })})` },
    },
    { title: "Errors answered", unit: "reqps", lines: { "{{code}}": rate("tributary_gateway_errors_total", { by: "code" }) } },
  ],
  Connections: [
    { title: "Open", unit: "short", lines: { "{{instance}}": sum("tributary_gateway_connections", "instance") } },
    { title: "Closed, by code", unit: "reqps", lines: { "{{code}}": rate("tributary_gateway_closes_total", { by: "code" }) } },
    {
      title: "Sent to sockets",
      unit: "Bps",
      lines: { "{{instance}}": rate("tributary_gateway_sent_bytes_total", { by: "instance" }) },
    },
    { title: "Cut for reading too slowly", unit: "reqps", lines: { cuts: rate("tributary_gateway_slow_cuts_total") } },
  ],
  "Fan-out": [
    {
      title: "Copied and shared",
      unit: "reqps",
      lines: { "inbox writes": rate("tributary_inbox_writes_total"), "room entries": rate("tributary_room_entries_total") },
    },
    { title: "A batch, to its pushes", unit: "s", lines: quantiles("tributary_fanout_batch_seconds") },
    { title: "Inboxes caught up from mailboxes", unit: "reqps", lines: { repairs: rate("tributary_fanout_repairs_total") } },
    { title: "Outbox", unit: "short", lines: { "{{partition}}": most("tributary_outbox_length", "partition") } },
    { title: "Behind in the log", unit: "short", lines: { "{{consumer}}": most("tributary_log_lag_records", "consumer") } },
  ],
  "Archive and tiers": [
    { title: "Lag", unit: "s", lines: { "{{partition}}": most("tributary_archive_lag_seconds", "partition") } },
    { title: "Rows inserted", unit: "reqps", lines: { "{{kind}}": rate("tributary_archive_rows_total", { by: "kind" }) } },
    { title: "Bytes, by tier", unit: "bytes", lines: { "{{tier}} {{kind}}": most("tributary_tier_bytes", "tier, kind") } },
    { title: "Trimmed from the hot tier", unit: "reqps", lines: { "{{kind}}": rate("tributary_scheduler_trimmed_total", { by: "kind" }) } },
  ],
  Relations: [
    { title: "Changes", unit: "reqps", lines: { "{{kind}}": rate("tributary_relation_changes_total", { by: "kind" }) } },
    { title: "From the graph to facts and events", unit: "s", lines: quantiles("tributary_relation_settle_seconds") },
    { title: "Healed after a crash", unit: "reqps", lines: { healed: rate("tributary_relation_healed_total") } },
  ],
  Processes: [
    { title: "Ready", unit: "short", lines: { "{{instance}}": most("tributary_ready", "instance") } },
    { title: "CPU", unit: "short", lines: { "{{instance}}": rate("process_cpu_seconds_total", { by: "instance" }) } },
    { title: "Memory", unit: "bytes", lines: { "{{instance}}": most("process_resident_memory_bytes", "instance") } },
    { title: "Event loop behind, p99", unit: "s", lines: { "{{instance}}": most("nodejs_eventloop_lag_p99_seconds", "instance") } },
  ],
};

/** Of Grafana's grid, which is 24 wide. */
const WIDTH = 6;
const HEIGHT = 8;
const datasource = { type: "prometheus", uid: "prometheus" };

function panelOf({ title, unit, lines }: Panel, id: number, x: number, y: number): object {
  return {
    id,
    type: "timeseries",
    title,
    datasource,
    gridPos: { x, y, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: "never" } }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: Object.entries(lines).map(([legendFormat, expr], i) => ({
      refId: String.fromCodePoint(65 + i),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

/** The dashboard as Grafana reads it. */
export function dashboard(): object {
  const panels: object[] = [];
  let y = 0;
  for (const [title, some] of Object.entries(rows)) {
    panels.push({ id: panels.length + 1, type: "row", title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    for (const [i, panel] of some.entries()) panels.push(panelOf(panel, panels.length + 1, (i % 4) * WIDTH, y + 1));
    y += 1 + HEIGHT;
  }
  return {
    uid: "tributary",
    title: "Tributary",
    tags: ["tributary"],
    timezone: "browser",
    schemaVersion: 39,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    panels,
  };
}
