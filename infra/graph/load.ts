import { appendFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Pair } from "#shared/graph/port.ts";
import { edgeKinds, type Edge, edgesOf, encodeState, pairKey, textOf } from "#shared/graph/record.ts";
import type { Database } from "./database.ts";

type Cell = string | number | null;

/** Rows as the database's COPY reads them. Texts are always in quotes: what is empty without them is null. */
const csv = (rows: readonly (readonly Cell[])[]): string => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
const cell = (value: Cell): string => (typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : (value?.toString() ?? ""));

interface Counts {
  followers: number;
  following: number;
}

/** What is to be loaded, on its way into files. */
interface Load {
  dir: string;
  users: Map<string, Counts>;
}

/** Loads of many pairs, by files, which is many times faster than by statements and leaves the relationships of a user together. */
export interface Loads {
  /** Adds pairs to the load of a name. */
  stage(name: string, pairs: readonly Pair[]): Promise<void>;
  /** Brings a load into the graph: all of it or, where the answer fails to come, nothing. */
  load(name: string): Promise<void>;
}

export function createLoads(database: Database): Loads {
  const loads = new Map<string, Load>();

  function loadOf(name: string): Load {
    const load = loads.get(name) ?? { dir: join(database.dir, `load-${loads.size}`), users: new Map<string, Counts>() };
    if (!loads.has(name)) mkdirSync(load.dir, { mode: 0o700 });
    loads.set(name, load);
    return load;
  }

  return {
    async stage(name, pairs) {
      const load = loadOf(name);
      const edges = pairs.flatMap(edgesOf);
      count(load.users, edges);
      write(
        load,
        "Pair",
        pairs.map((pair) => [pairKey(pair.a, pair.b), pair.version, encodeState(pair), null]),
      );
      for (const kind of edgeKinds) {
        const some = edges.filter((edge) => edge.kind === kind);
        write(
          load,
          kind,
          some.map(({ from, to, since, text }) => (kind in textOf ? [from, to, since, text] : [from, to, since])),
        );
      }
    },
    async load(name) {
      const load = loadOf(name);
      try {
        await copyAll(database, load);
      } finally {
        rmSync(load.dir, { recursive: true, force: true });
        loads.delete(name);
      }
    },
  };
}

function write({ dir }: Load, table: string, rows: readonly (readonly Cell[])[]): void {
  if (rows.length > 0) appendFileSync(join(dir, `${table}.csv`), csv(rows), { mode: 0o600 });
}

function count(users: Map<string, Counts>, edges: readonly Edge[]): void {
  const of = (id: string): Counts => {
    const known = users.get(id) ?? { followers: 0, following: 0 };
    users.set(id, known);
    return known;
  };
  for (const { kind, from, to } of edges) {
    const [follower, followed] = [of(from), of(to)];
    if (kind !== "FOLLOWS") continue;
    follower.following += 1;
    followed.followers += 1;
  }
}

async function copyAll(database: Database, load: Load): Promise<void> {
  const ids = [...load.users.keys()];
  await database.load(async (cypher, rest) => {
    const rows =
      ids.length === 0 ? [] : await cypher.run<{ id: string }>("UNWIND $ids AS i MATCH (u:User {id: i}) RETURN u.id AS id", { ids });
    const there = new Set(rows.map(({ id }) => id));
    const fresh = [...load.users].filter(([id]) => !there.has(id));
    write(
      load,
      "User",
      fresh.map(([id, { followers, following }]) => [id, followers, following]),
    );
    for (const table of ["User", "Pair", ...edgeKinds]) {
      const file = join(load.dir, `${table}.csv`);
      if (!existsSync(file)) continue;
      await cypher.run(`COPY ${table} FROM '${file.replaceAll("'", "\\'")}' (HEADER = false, PARALLEL = false, QUOTE = '"', ESCAPE = '"')`);
      await rest();
    }
    const more = [...load.users].filter(([id]) => there.has(id)).map(([id, counts]) => ({ id, ...counts }));
    if (more.length > 0) await database.dialect.addCounts?.(cypher, more);
  });
}
