import type { Cypher } from "#shared/graph/cypher.ts";

/** Users whose names are read at once. */
const PART = 50_000;

/**
 * The ids of users by their places in the table, where they stay for good. A question that goes by places reads no ids, which is half of its work;
 * in the end these are found here.
 */
export interface Names {
  /** Ids in the order of the places. */
  of(cypher: Cypher, places: readonly number[]): Promise<string[]>;
}

interface Named {
  place: number;
  id: string;
}

export function createNames(): Names {
  const known: string[] = [];

  /** Reads on from what is known, as far as there are users. */
  async function readUpTo(cypher: Cypher, place: number): Promise<void> {
    while (known.length <= place) {
      const from = known.length;
      const rows = await cypher.run<Named>(
        "MATCH (u:User) WHERE offset(id(u)) >= $from AND offset(id(u)) < $to RETURN offset(id(u)) AS place, u.id AS id",
        { from, to: from + PART },
      );
      if (rows.length === 0) return;
      for (const row of rows) known[row.place] = row.id;
    }
  }

  /** Those that a transaction which was taken back had left out. */
  async function readSingle(cypher: Cypher, places: number[]): Promise<void> {
    const rows = await cypher.run<Named>("MATCH (u:User) WHERE offset(id(u)) IN $places RETURN offset(id(u)) AS place, u.id AS id", {
      places,
    });
    for (const row of rows) known[row.place] = row.id;
  }

  return {
    async of(cypher, places) {
      await readUpTo(cypher, Math.max(-1, ...places));
      const missing = places.filter((place) => known[place] === undefined);
      if (missing.length > 0) await readSingle(cypher, missing);
      return places.map((place) => known[place] ?? "");
    },
  };
}
