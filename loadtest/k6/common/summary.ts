import { violationNames } from "./metrics.ts";

interface Metric {
  type: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}
interface Data {
  metrics: Record<string, Metric>;
  state: { testRunDurationMs: number };
}

/** Above this a VU's own lateness is a good part of what it measures. */
const LATE_MS = 250;

const whole = (n: number): string =>
  Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
const words = (name: string): string => name.replaceAll("_", " ");
const ownTime = (name: string, { type, values }: Metric): boolean =>
  type === "trend" &&
  /^(ack|delivery|time_to|reply|recovery|sync|timeline|history|list|read|own)_/.test(name) &&
  (values["count"] ?? 0) > 0;
const passes = (metric: Metric | undefined): boolean => Object.values(metric?.thresholds ?? {}).every(({ ok }) => ok);

/** The end of a run in words: what was sent and checked, how long things took, what was broken. k6's own figures of HTTP and sockets are left out. */
export function handleSummary({ metrics, state }: Data): { stdout: string } {
  const count = (name: string): number => metrics[name]?.values["count"] ?? 0;
  const lines = [`  ${(state.testRunDurationMs / 1_000).toFixed(0)} s`, ""];
  const line = (name: string, value: string): void => void lines.push(`  ${words(name).padEnd(22)}${value}`);
  for (const name of [
    "messages_sent",
    "deliveries_checked",
    "reconnects",
    "mode_switches",
    "pages_checked",
    "from_hot",
    "from_warm",
    "from_cold",
  ])
    if (metrics[name] !== undefined) line(name, whole(count(name)).padStart(9));
  lines.push("", `  ${"milliseconds".padEnd(22)}${["p50", "p95", "p99", "max", "count"].map((head) => head.padStart(9)).join("")}`);
  for (const [name, metric] of Object.entries(metrics)) {
    if (!ownTime(name, metric)) continue;
    line(name, ["med", "p(95)", "p(99)", "max", "count"].map((key) => whole(metric.values[key] ?? 0).padStart(9)).join(""));
  }
  lines.push("");
  const lag = metrics["own_lag"]?.values["p(95)"] ?? 0;
  if (lag > LATE_MS)
    lines.push(
      `  k6 itself was late by ${whole(lag)} ms (p95): these times say more of it than of the server; lower the rate or the sockets`,
      "",
    );
  const broken = violationNames.filter((name) => count(name) > 0);
  for (const name of broken) line(name, whole(count(name)).padStart(9));
  if (count("deliveries_checked") === 0) lines.push("  nothing was checked");
  else if (broken.length === 0 && passes(metrics["vus_finished"]))
    lines.push("  every entry once and in order to everyone it is owed to, no errors");
  for (const [name, { thresholds = {} }] of Object.entries(metrics))
    for (const [rule, { ok }] of Object.entries(thresholds)) if (!ok) lines.push(`  FAILED  ${words(name)}: ${rule}`);
  return { stdout: `\n${lines.join("\n")}\n\n` };
}
