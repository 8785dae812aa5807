/** What is needed to tell rows of one entry from each other. */
interface Versioned {
  conversation_id: string;
  seq: number | string;
  revision: number;
}

const keyOf = (row: Versioned): string => `${row.conversation_id}:${row.seq}`;

/** Each entry once, at its highest revision, in the order of the rows. */
export function highestOfEach<Row extends Versioned>(rows: readonly Row[]): Row[] {
  const entries = new Map<string, Row>();
  for (const row of rows) {
    const known = entries.get(keyOf(row));
    if (known === undefined || row.revision > known.revision) entries.set(keyOf(row), row);
  }
  return [...entries.values()];
}

/**
 * The first `limit` entries of an ordered read in which an entry may come several times in a row (a batch inserted twice, an edit),
 * each at its highest revision. Reading a little more and dropping repeats here lets ClickHouse stop at the limit, which it does not
 * with FINAL or LIMIT BY.
 * @param read gives the first `take` rows, rows of one entry beside each other
 */
export const onceEach = async <Row extends Versioned>(limit: number, read: (take: number) => Promise<Row[]>): Promise<Row[]> => {
  for (let take = 2 * limit + 1; ; take *= 2) {
    const rows = await read(take);
    const whole = rows.length < take;
    const last = rows.at(-1);
    // More rows of the last entry may follow.
    const entries = highestOfEach(rows).filter((row) => whole || last === undefined || keyOf(row) !== keyOf(last));
    if (whole || entries.length >= limit) return entries.slice(0, limit);
  }
};
