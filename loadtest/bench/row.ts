/** One figure of the bench: what was measured of us and of each reference, in turn, in the same run. */
export interface Row {
  /** Name on the command line; a row may give several figures. */
  row: string;
  name: string;
  unit: string;
  /** Figures of each run, in its order. */
  ours: number[];
  references: Reference[];
  /** null: told, not judged. */
  target: Target | null;
  notes: string[];
}

export interface Reference {
  name: string;
  /** Figures of the same runs. */
  values: number[];
}

/** Bounds of the median: of our figure as a multiple of a reference's, or of our figure itself. */
export interface Target {
  /** Name of the reference; none: the figure itself is judged. */
  against?: string;
  least?: number;
  most?: number;
}

/** How thorough a run is. */
export interface Effort {
  runs: number;
  /** Smaller and shorter: to see that it works, not how fast. */
  quick: boolean;
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

/** p50 and p99 of values in any order. */
export function latency(values: readonly number[]): { p50: number; p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** Ours as multiples of a reference's, run by run. */
export const ratios = ({ ours }: Row, { values }: Reference): number[] => ours.map((value, i) => value / (values[i] ?? NaN));

/** The values that the target judges. */
export function judged(row: Row): number[] {
  const against = row.target?.against;
  if (against === undefined) return row.ours;
  const reference = row.references.find(({ name }) => name === against);
  if (reference === undefined) throw new Error(`row ${row.row} has no reference ${against}`);
  return ratios(row, reference);
}

/** True if the median is within the target's bounds. */
export function holds(row: Row): boolean {
  if (row.target === null) return true;
  const { median } = spread(judged(row));
  return median >= (row.target.least ?? -Infinity) && median <= (row.target.most ?? Infinity);
}
