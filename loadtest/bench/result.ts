import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

/** One row of the bench. */
export interface Row {
  row: string;
  name: string;
  unit: string;
  /** Figures of each run, in its order. */
  ours: number[];
  reference: number[];
  /** Ours as a multiple of the reference's, or null where the target is absolute. */
  target: { of: "ratio" | "ours"; least?: number; most?: number };
  notes: string[];
}

/** Smallest, middle and largest value. */
export function spread(values: readonly number[]): { min: number; median: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: percentile(sorted, 0.5), max: sorted.at(-1) ?? 0 };
}

/** Of ascending values. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export const ratios = ({ ours, reference }: Row): number[] => ours.map((value, i) => value / (reference[i] as number));

/** True if the median holds the target. */
export function holds(row: Row): boolean {
  const { median } = spread(row.target.of === "ratio" ? ratios(row) : row.ours);
  return median >= (row.target.least ?? -Infinity) && median <= (row.target.most ?? Infinity);
}

const digits = (value: number): string => (value >= 1_000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 0 : 2));
const shown = (values: readonly number[]): string => {
  const { min, median, max } = spread(values);
  return `${digits(min)} / ${digits(median)} / ${digits(max)}`;
};
const targetText = ({ target, unit }: Row): string => {
  const bound = target.least === undefined ? `≤ ${target.most}` : `≥ ${target.least}`;
  return target.of === "ratio" ? `${bound} ×` : `${bound} ${unit}`;
};

/** The rows as a table of text: min / median / max of the runs. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [
    ["row", "unit", "ours", "reference", "ratio", "target", ""],
    ...rows.map((row) => [
      `${row.row} ${row.name}`,
      row.unit,
      shown(row.ours),
      shown(row.reference),
      shown(ratios(row)),
      targetText(row),
      holds(row) ? "holds" : "MISSED",
    ]),
  ];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0))) ?? [];
  const lines = cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = rows.flatMap((row) => row.notes.map((note) => `  ${row.row}: ${note}`));
  return [...lines, ...notes].join("\n");
}

/** Where it ran. */
export function machine() {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const output = (file: string, ...args: string[]) => execFileSync(file, args, { encoding: "utf8" }).trim();
  return {
    at: new Date().toISOString(),
    commit: output("git", "-C", import.meta.dirname, "rev-parse", "--short", "HEAD"),
    node: process.version,
    redis: /v=(\S+)/.exec(output("redis-server", "--version"))?.[1] ?? "",
    ws: dependencies["ws"],
    ioredis: dependencies["ioredis"],
    kernel: release(),
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg(),
  };
}

/** Writes the rows with the machine's facts; returns the file. */
export async function writeResult(rows: readonly Row[], started: ReturnType<typeof machine>): Promise<string> {
  const dir = join(import.meta.dirname, "../results");
  await mkdir(dir, { recursive: true });
  const file = join(dir, `bench-${started.at.replaceAll(/[:.]/g, "-")}.json`);
  const full = rows.map((row) => ({ ...row, ratios: ratios(row), ratio: spread(ratios(row)), holds: holds(row) }));
  await writeFile(file, `${JSON.stringify({ machine: started, loadAtEnd: loadavg(), rows: full }, null, 2)}\n`);
  return file;
}
