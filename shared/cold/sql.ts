/** Literals for ClickHouse SQL. Ids and numbers are checked, strings escaped, so values never become code. */

/** An unsigned 64-bit id. @throws RangeError for anything but 1–20 digits */
export const idLiteral = (id: string): string => {
  if (!/^\d{1,20}$/.test(id)) throw new RangeError(`not an id: ${id}`);
  return id;
};

/** A whole number from 0 to 2^53 − 1. @throws RangeError */
export const numberLiteral = (value: number): string => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a whole number: ${value}`);
  return String(value);
};

export const stringLiteral = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** A list cut into pieces of at most `size`. */
export const chunksOf = <Item>(items: readonly Item[], size: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
