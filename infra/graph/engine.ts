import { createRequire } from "node:module";
import type * as Ladybug from "@ladybugdb/core";
import type { Cypher, Parameters } from "#shared/graph/cypher.ts";

const require = createRequire(import.meta.url);

/** The library: the package of this platform has all of it; where there is none, the main one was built when it was installed. */
function library(): typeof Ladybug {
  try {
    return require(`@ladybugdb/core-${process.platform}-${process.arch}`) as typeof Ladybug;
  } catch {
    return require("@ladybugdb/core") as typeof Ladybug;
  }
}

const { Connection, Database } = library();

/** Statements kept prepared for a connection. */
const MOST_PREPARED = 100;

/** A connection of the database, which runs one statement at a time. */
export interface Line extends Cypher {
  close(): Promise<void>;
}

function openLine(database: Ladybug.Database, threads: number): Line {
  const connection = new Connection(database, threads);
  const prepared = new Map<string, Ladybug.PreparedStatement>();

  async function prepare(statement: string): Promise<Ladybug.PreparedStatement> {
    const known = prepared.get(statement);
    if (known !== undefined) return known;
    const fresh = await connection.prepare(statement);
    if (!fresh.isSuccess()) throw new Error(fresh.getErrorMessage());
    const [oldest] = prepared.keys();
    if (prepared.size >= MOST_PREPARED && oldest !== undefined) prepared.delete(oldest);
    prepared.set(statement, fresh);
    return fresh;
  }

  return {
    async run<Row>(statement: string, parameters?: Parameters): Promise<Row[]> {
      const answer =
        parameters === undefined ? await connection.query(statement) : await connection.execute(await prepare(statement), parameters);
      const results = Array.isArray(answer) ? answer : [answer];
      try {
        return (results.at(-1)?.getAllSync() ?? []) as Row[];
      } finally {
        for (const result of results) result.close();
      }
    },
    close: () => connection.close(),
  };
}

/** The database in a file, with lines into it. */
interface Store {
  open(threads: number): Line;
  close(): Promise<void>;
}

/**
 * Opens the database, made when missing. `memory`: bytes of its buffer pool. It writes no checkpoints by itself: they need all other work to rest.
 */
export async function openStore(file: string, memory: number): Promise<Store> {
  const [compress, readOnly, largest, checkpoints, threshold] = [true, false, 0, false, -1];
  const database = new Database(file, memory, compress, readOnly, largest, checkpoints, threshold);
  await database.init();
  return { open: (threads) => openLine(database, threads), close: () => database.close() };
}
