/** The span of an axis, and where it has marks. */
export interface Axis {
  log: boolean;
  from: number;
  to: number;
  ticks: number[];
}

/** Marks at 1, 2 or 5 times a power of ten, about as many as asked for; the span is widened to the marks around it. */
export function linearAxis(values: readonly number[], wanted = 5): Axis {
  const least = Math.min(0, ...values);
  const most = Math.max(...values, least + Number.MIN_VALUE);
  const step = niceStep((most - least) / wanted);
  const from = Math.floor(least / step) * step;
  const count = Math.max(1, Math.ceil(most / step - from / step - 1e-9));
  return { log: false, from, to: from + count * step, ticks: Array.from({ length: count + 1 }, (_, i) => rounded(from + i * step)) };
}

/** The least of 1, 2, 5, 10 times a power of ten that is not below the value. */
function niceStep(value: number): number {
  if (!(value > 1e-300)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const times = [1, 2, 5].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return rounded(times * power);
}

/** Marks at powers of ten, and at 2 and 5 times them where there are few; the span is that of the values. All values must be above 0. */
export function logAxis(values: readonly number[]): Axis {
  const least = Math.min(...values);
  const most = Math.max(...values);
  if (!(least > 0)) throw new RangeError(`a logarithmic axis has no place for ${least}`);
  const [from, to] = most < least * 1.001 ? [least / 2, most * 2] : [least, most];
  const times = Math.log10(to / from) < 3 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    for (const each of times) ticks.push(rounded(each * 10 ** power));
  return { log: true, from, to, ticks: ticks.filter((tick) => tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)) };
}

/** Where on the axis a value stands: 0 at its beginning, 1 at its end. */
export function placeOn({ log, from, to }: Axis, value: number): number {
  return log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

/** 20,000 as 20k, 1,500,000 as 1.5M. */
export function short(value: number): string {
  for (const [unit, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(value) >= unit) return `${rounded(value / unit)}${letter}`;
  }
  return String(rounded(value));
}

/** Without what binary fractions add. */
const rounded = (value: number): number => Number(value.toPrecision(6));
