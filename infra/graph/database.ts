import { copyFileSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Cypher, Engine } from "#shared/graph/cypher.ts";
import { applyMigrations } from "#shared/run/migrations.ts";
import { embeddedDialect } from "./dialect.ts";
import { type Line, openStore, type Store } from "./engine.ts";
import { createGate, createPool } from "./gate.ts";

const MIGRATIONS = join(import.meta.dirname, "../migrations/graph");
/** Lines for readers, each with so many threads. */
const READERS = 3;
const THREADS = 2;

/** The embedded graph database, migrated. */
export interface Database extends Engine, AsyncDisposable {
  version: string;
  dir: string;
  /** A transaction that copies files into tables. */
  load(work: (cypher: Cypher) => Promise<void>): Promise<void>;
}

/** How long a process of an earlier server may take to let go of the database (ms). */
const LOCKED_MS = 10_000;

/**
 * Opens the database. A log that was cut in the middle of its last, never acknowledged, transaction is taken up to there, and a copy of it kept. Waits for
 * the process of a server that was killed, which ends when it notices.
 */
async function openChecked(file: string, memory: number): Promise<Store> {
  const deadline = performance.now() + LOCKED_MS;
  while (true) {
    try {
      return await openStore(file, memory, false);
    } catch (error) {
      const locked = String(error).includes("Could not set lock");
      if (!locked) return await openBroken(file, memory, error);
      if (performance.now() > deadline)
        throw new Error(`${file} is in use by another process: stop that one, or give this one another DATA_DIR`);
      await delay(50);
    }
  }
}

async function openBroken(file: string, memory: number, why: unknown): Promise<Store> {
  const log = `${file}.wal`;
  if (!existsSync(log)) throw why;
  process.stderr.write(`the log of the embedded graph can't be read to its end, and a copy is kept: ${String(why)}\n`);
  copyFileSync(log, `${log}.broken`);
  return await openStore(file, memory, true);
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

export interface DatabaseOptions {
  dir: string;
  /** Bytes of the buffer pool. */
  memory: number;
  /** The log is worked into the database when it has grown to this (bytes); meanwhile all else waits. */
  longestLog: number;
}

/** Opens the graph, made when missing. Readers go side by side, writers one after the other. */
export async function openDatabase({ dir, memory, longestLog }: DatabaseOptions): Promise<Database> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, "graph.lbug");
  const log = `${file}.wal`;
  const store = await openChecked(file, memory);
  const writer = store.open(THREADS);
  const readers = Array.from({ length: READERS }, () => store.open(THREADS));
  await migrate(writer);
  // What the log holds is worked in first: the database can't replay one in which files were copied and then written to.
  await writer.run("CHECKPOINT");
  const gate = createGate();
  const reading = createPool<Line>(readers);
  const writing = createPool<Line>([writer]);

  async function transaction<Result>(work: (cypher: Cypher) => Promise<Result>): Promise<Result> {
    await writer.run("BEGIN TRANSACTION");
    try {
      const result = await work(writer);
      await writer.run("COMMIT");
      return result;
    } catch (error) {
      await writer.run("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }
  const checkpoint = () => gate.alone(() => writer.run("CHECKPOINT"));
  const logged = () => statSync(log, { throwIfNoEntry: false })?.size ?? 0;

  return {
    version: store.version,
    dir,
    dialect: embeddedDialect,
    read: (work) => gate.shared(() => reading(work)),
    write: (work) =>
      writing(async () => {
        const result = await gate.shared(() => transaction(work));
        if (logged() > longestLog) await checkpoint();
        return result;
      }),
    load: (work) =>
      writing(async () => {
        await gate.shared(() => transaction(work));
        await checkpoint();
      }),
    async [Symbol.asyncDispose]() {
      await gate.alone(async () => {
        for (const line of [writer, ...readers]) await line.close();
        await store.close();
      });
    },
  };
}
