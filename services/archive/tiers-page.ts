import type { Partition } from "#shared/cold/partitions.ts";
import type { TableSize } from "#shared/cold/store.ts";
import type { RedisMemory } from "./look.ts";
import type { Action } from "./plan.ts";
import type { Lag } from "./streams.ts";
import type { HotTotals } from "./survey.ts";

/** What the page of the tiers is made from. */
export interface Tiers {
  memory: RedisMemory;
  totals: HotTotals;
  lags: readonly Lag[];
  tables: readonly TableSize[];
  months: readonly Partition[];
  plan: readonly Action[];
}

const number = (value: number): string => value.toLocaleString("en-US");

/** 1,536 → "1.5 KiB". */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

/** Columns side by side: the first two to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return `${rows.map((row) => line(row).trimEnd()).join("\n")}\n`;
}

function storage({ memory, totals, tables, months }: Tiers): string {
  const limit = memory.limit === 0 ? "" : ` of ${size(memory.limit)}`;
  const byMonth = new Set(months.map((month) => month.table));
  return table([
    ["tier", "what", "rows", "bytes"],
    ["hot", `entries of ${number(totals.conversations)} conversations`, number(totals.entries), ""],
    ["hot", `pointers of ${number(totals.users)} inboxes`, number(totals.pointers), ""],
    ["hot", `Redis${limit}${memory.pressure ? ", above its watermark" : ""}`, "", size(memory.used)],
    ...months.map((part) => [
      part.onColdVolume || part.recompressed ? "cold" : "warm",
      `${part.table} ${part.month}`,
      number(part.rows),
      size(part.bytes),
    ]),
    ...tables.filter((one) => !byMonth.has(one.table)).map((one) => ["warm", one.table, number(one.rows), size(one.bytes)]),
  ]);
}

function lagging({ lags }: Tiers): string {
  const rows = lags.map(({ name, length, pending, seconds }) => [
    name === "inbox" ? "deliveries" : "outbox",
    name,
    number(length),
    number(pending),
    seconds.toFixed(1),
  ]);
  return table([["stream", "", "length", "not archived", "seconds behind"], ...rows]);
}

/** One action a line. */
function detail(action: Action): string[] {
  switch (action.kind) {
    case "trim-mailbox":
    case "trim-inbox":
      return [action.rule, `${action.kind} ${action.id}`, number(action.rows), `${action.base + 1}–${action.to}`];
    case "remove-dedupe":
      return [action.rule, "generations", "", action.from === null ? `up to ${action.to}` : `${action.from}–${action.to}`];
    default:
      return [action.rule, `${action.kind} ${action.table}`, number(action.rows), action.month];
  }
}

function summary(plan: readonly Action[]): string[][] {
  const sums = new Map<string, { actions: number; rows: number }>();
  for (const action of plan) {
    const sum = sums.getOrInsertComputed(action.rule, () => ({ actions: 0, rows: 0 }));
    sum.actions++;
    if (action.kind !== "remove-dedupe") sum.rows += action.rows;
  }
  return [...sums].map(([rule, { actions, rows }]) => [rule, "", number(actions), number(rows)]);
}

/** The page for a terminal. With `every` the plan is given action by action, else as sums by rule. */
export function pageOf(tiers: Tiers, every: boolean): string {
  const planned = every
    ? table([["rule", "what", "rows", "which"], ...tiers.plan.map(detail)])
    : table([["rule", "", "actions", "rows"], ...summary(tiers.plan)]);
  return `${storage(tiers)}\n${lagging(tiers)}\n${tiers.plan.length === 0 ? "The scheduler plans nothing.\n" : planned}`;
}
