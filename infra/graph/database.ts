import { statSync } from "node:fs";
import { join } from "node:path";
import type { Cypher, Engine, Logged } from "#shared/graph/cypher.ts";
import { applyMigrations } from "#shared/run/migrations.ts";
import { createDialect } from "./dialect.ts";
import { type Line, openStore } from "./engine.ts";
import { openFiles } from "./files.ts";
import { createGate, createPool } from "./gate.ts";
import { openJournal, readJournal } from "./journal.ts";
import { own } from "./owner.ts";
import { replay } from "./replay.ts";

const MIGRATIONS = join(import.meta.dirname, "../migrations/graph");
/** Lines for readers, each with so many threads. */
const READERS = 3;
const THREADS = 2;
/** The database's own log is worked into it when it has grown to this (bytes); meanwhile all else waits. */
const LONGEST_LOG = 16 * 2 ** 20;
/** A snapshot is taken when the journal has grown to this part of the database. */
const JOURNAL_PART = 0.1;

/** The embedded graph database, migrated. */
export interface Database extends Engine, AsyncDisposable {
  dir: string;
  /**
   * Work that copies files into tables: all of it is there when this resolves. Where it fails the process ends, and comes back without any of it. `rest`
   * works in what was copied so far, which else must fit into memory.
   */
  load(work: (cypher: Cypher, rest: () => Promise<unknown>) => Promise<void>): Promise<void>;
}

export interface DatabaseOptions {
  dir: string;
  /** Bytes of the buffer pool. */
  memory: number;
  /** Least size of the journal (bytes) at which a snapshot is taken. */
  journal: number;
}

async function migrate(line: Line): Promise<void> {
  await line.run("CREATE NODE TABLE IF NOT EXISTS Migration (name STRING PRIMARY KEY, checksum STRING)");
  const store = {
    ending: ".cypher",
    applied: async () => {
      const rows = await line.run<{ name: string; checksum: string }>("MATCH (m:Migration) RETURN m.name AS name, m.checksum AS checksum");
      return new Map(rows.map(({ name, checksum }) => [name, checksum]));
    },
    run: (statement: string) => line.run(statement),
    note: (name: string, checksum: string) => line.run("CREATE (:Migration {name: $name, checksum: $checksum})", { name, checksum }),
  };
  await applyMigrations(store, MIGRATIONS);
}

/** All of the work or nothing; gives what it logged, too. */
async function transaction<Result>(line: Line, work: (cypher: Cypher) => Promise<Result>): Promise<{ result: Result; logged: Logged[] }> {
  const logged: Logged[] = [];
  const cypher: Cypher = {
    run: (statement, parameters) => line.run(statement, parameters),
    log: (records) => void logged.push(...records),
  };
  await line.run("BEGIN TRANSACTION");
  try {
    const result = await work(cypher);
    await line.run("COMMIT");
    return { result, logged };
  } catch (error) {
    await line.run("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

function giveUp(what: string, error: unknown): never {
  process.stderr.write(`the embedded graph ${what}: ${String(error)}\n`);
  process.exit(1);
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/**
 * Opens the graph, made when missing, with all that was acknowledged before. Readers go side by side, writers one after the other. A write is answered
 * when the journal has it; where that fails the process ends, since the database then holds what nobody was told of.
 */
export async function openDatabase({ dir, memory, journal: least }: DatabaseOptions): Promise<Database> {
  await own(dir);
  const files = openFiles(dir);
  const store = await openStore(files.database, memory);
  const writer = store.open(THREADS);
  await migrate(writer);
  const dialect = createDialect();
  if (files.behind) {
    const recovering = {
      dialect,
      read: <Result>(work: Work<Result>) => work(writer),
      write: async <Result>(work: Work<Result>) => (await transaction(writer, work)).result,
    };
    await replay(recovering, readJournal(files.journal()));
  }
  const readers = Array.from({ length: READERS }, () => store.open(THREADS));
  const gate = createGate();
  const reader = createPool<Line>(readers);
  const writing = createPool<Line>([writer]);
  let journal = await openJournal(files.journal());

  const checkpoint = () => gate.alone(() => writer.run("CHECKPOINT"));

  async function keep(logged: readonly Logged[]): Promise<void> {
    if (logged.length === 0) return;
    await journal.append(logged).catch((error: unknown) => giveUp("has a journal that can't be written", error));
  }

  /** Work that can be put off, after a write. */
  async function tidy(): Promise<void> {
    if (journal.size() > Math.max(least, sizeOf(files.database) * JOURNAL_PART)) await snapshot();
    else if (sizeOf(`${files.database}.wal`) > LONGEST_LOG) await checkpoint();
  }

  async function snapshot(): Promise<void> {
    await checkpoint();
    const before = journal;
    await files.snapshot(async (file) => {
      journal = await openJournal(file);
    });
    await before.close();
  }

  const write = <Result>(work: Work<Result>): Promise<Result> =>
    writing(async () => {
      const { result, logged } = await gate.shared(() => transaction(writer, work));
      await keep(logged);
      void tidying();
      return result;
    });
  // Between two snapshots nothing can be done by halves: it is made good by the next start.
  const tidying = () => writing(tidy).catch((error: unknown) => giveUp("could not be kept in a snapshot", error));

  return {
    dir,
    dialect,
    read: (work) => gate.shared(() => reader(work)),
    write,
    load: (work) =>
      writing(async () => {
        try {
          await work({ run: (statement, parameters) => gate.shared(() => writer.run(statement, parameters)) }, checkpoint);
          await snapshot();
        } catch (error) {
          giveUp("could not load what it was given", error);
        }
      }),
    async [Symbol.asyncDispose]() {
      await writing(async () => {
        await gate.alone(async () => {
          for (const line of [writer, ...readers]) await line.close();
          await store.close();
        });
        await journal.close();
        files.closed();
      });
    },
  };
}

type Work<Result> = (cypher: Cypher) => Promise<Result>;
