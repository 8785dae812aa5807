import { holds, ratios, spread, type Row } from "./row.ts";

export const digits = (value: number): string =>
  value >= 1_000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** "min / median / max" of the runs. */
export function shown(values: readonly number[]): string {
  const { min, median, max } = spread(values);
  return values.length === 1 ? digits(median) : `${digits(min)} / ${digits(median)} / ${digits(max)}`;
}

export function targetText({ target, unit }: Row): string {
  if (target === null) return "";
  const bound = target.least === undefined ? `≤ ${digits(target.most ?? 0)}` : `≥ ${digits(target.least)}`;
  return target.against === undefined ? `${bound} ${unit}` : `${bound} × ${target.against}`;
}

const verdict = (row: Row): string => (row.target === null ? "" : holds(row) ? "holds" : "MISSED");

/** Of each reference its median, and ours as a multiple of it. */
const referencesText = (row: Row): string =>
  row.references
    .map((reference) => `${reference.name} ${digits(spread(reference.values).median)} (${spread(ratios(row, reference)).median.toFixed(2)} ×)`)
    .join(", ");

const heads = ["row", "unit", "ours", "references: median (ours as a multiple)", "target", ""];
const cellsOf = (row: Row): string[] => [
  `${row.row} ${row.name}`,
  row.unit,
  shown(row.ours),
  referencesText(row),
  targetText(row),
  verdict(row),
];

/** The rows as a table of text, with their notes below it. */
export function tableOf(rows: readonly Row[]): string {
  const lines = padded([heads, ...rows.map(cellsOf)]);
  const notes = rows.flatMap((row) => row.notes.map((note) => `  ${row.row}: ${note}`));
  return [...lines, ...notes].join("\n");
}

export function padded(cells: readonly string[][]): string[] {
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0))) ?? [];
  return cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
