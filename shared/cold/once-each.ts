/** What is needed to tell rows of one entry from each other. */
interface Versioned {
  conversation_id: string;
  seq: number | string;
  revision: number;
}

const keyOf = (row: Versioned): string => `${row.conversation_id}:${row.seq}`;

/**
 * The first `limit` entries of an ordered read in which an entry may come several times in a row (a batch inserted twice, an edit),
 * each at its highest revision. Reading a little more and dropping repeats here lets ClickHouse stop at the limit, which it does not
 * with FINAL or LIMIT BY.
 * @param read gives the first `take` rows, rows of one entry beside each other
 */
export const onceEach = async <Row extends Versioned>(limit: number, read: (take: number) => Promise<Row[]>): Promise<Row[]> => {
  for (let take = 2 * limit + 1; ; take *= 2) {
    const rows = await read(take);
    const entries = new Map<string, Row>();
    for (const row of rows) {
      const known = entries.get(keyOf(row));
      if (known === undefined || row.revision > known.revision) entries.set(keyOf(row), row);
    }
    const whole = rows.length < take;
    const last = rows.at(-1);
    if (!whole && last !== undefined) entries.delete(keyOf(last));
    if (whole || entries.size >= limit) return [...entries.values()].slice(0, limit);
  }
};
