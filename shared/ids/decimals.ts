/** Compares decimal numbers that may pass 2^53 as text: positive when `a` is greater. */
export function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a === b ? 0 : a > b ? 1 : -1;
}
