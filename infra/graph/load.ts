import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { countsOf } from "#shared/graph/changes.ts";
import type { Cypher } from "#shared/graph/cypher.ts";
import type { Pair } from "#shared/graph/port.ts";
import { edgeKinds, edgesOf, encodeState, pairKey, textOf } from "#shared/graph/record.ts";
import type { Database } from "./database.ts";
import { embeddedDialect } from "./dialect.ts";

type Cell = string | number | null;

/** Rows as the database's COPY reads them. Texts are always in quotes: what is empty without them is null. */
const csv = (rows: readonly (readonly Cell[])[]): string => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
const cell = (value: Cell): string => (typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : (value?.toString() ?? ""));

/** Adds pairs that the graph does not have, in one transaction: by files, which is many times faster than by statements. */
export async function load(database: Database, pairs: readonly Pair[]): Promise<void> {
  const dir = mkdtempSync(join(database.dir, "load-"));
  try {
    await database.load(async (cypher) => {
      const copy = async (table: string, rows: readonly (readonly Cell[])[]) => {
        if (rows.length === 0) return;
        const file = join(dir, `${table}.csv`);
        writeFileSync(file, csv(rows), { mode: 0o600 });
        await cypher.run(
          `COPY ${table} FROM '${file.replaceAll("'", "\\'")}' (HEADER = false, PARALLEL = false, QUOTE = '"', ESCAPE = '"')`,
        );
      };
      await addAll(cypher, pairs, copy);
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

type Copy = (table: string, rows: readonly (readonly Cell[])[]) => Promise<void>;

async function addAll(cypher: Cypher, pairs: readonly Pair[], copy: Copy): Promise<void> {
  const edges = pairs.flatMap(edgesOf);
  const ids = [...new Set(edges.flatMap(({ from, to }) => [from, to]))];
  const rows = await cypher.run<{ id: string }>("UNWIND $ids AS i MATCH (u:User {id: i}) RETURN u.id AS id", { ids });
  const there = new Set(rows.map(({ id }) => id));
  const counts = countsOf(edges, []);
  const counted = new Map(counts.map((count) => [count.id, count]));
  const fresh = ids.filter((id) => !there.has(id));
  await copy(
    "User",
    fresh.map((id) => [id, counted.get(id)?.followers ?? 0, counted.get(id)?.following ?? 0]),
  );
  const records = pairs.map((pair) => ({ key: pairKey(pair.a, pair.b), version: pair.version, state: encodeState(pair), at: null }));
  await copy(
    "Pair",
    records.map(({ key, version, state, at }) => [key, version, state, at]),
  );
  cypher.log?.(records);
  for (const kind of edgeKinds) {
    const some = edges.filter((edge) => edge.kind === kind);
    await copy(
      kind,
      some.map(({ from, to, since, text }) => (kind in textOf ? [from, to, since, text] : [from, to, since])),
    );
  }
  const more = counts.filter(({ id }) => there.has(id));
  if (more.length > 0) await embeddedDialect.addCounts?.(cypher, more);
}
