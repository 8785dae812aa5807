import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

interface Migration {
  name: string;
  checksum: string;
  statements: string[];
}

/** A store whose schema is kept by migrations, and that remembers which it has had. */
export interface Migrated {
  /** Ending of the migrations' file names, with its dot. */
  ending: string;
  /** Name and checksum of each that was applied. */
  applied(): Promise<Map<string, string>>;
  run(statement: string): Promise<unknown>;
  /** Remembers that a migration was applied. */
  note(name: string, checksum: string): Promise<unknown>;
}

/** Statements of a file: each ends with a semicolon at the end of a line. */
export const statementsOf = (text: string): string[] =>
  text
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");

const readMigrations = async (dir: string, ending: string): Promise<Migration[]> => {
  const names = (await readdir(dir)).filter((name) => name.endsWith(ending)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(dir, name), "utf8");
      return { name, checksum: createHash("sha256").update(text).digest("hex"), statements: statementsOf(text) };
    }),
  );
};

const refuseChanged = (migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void => {
  for (const { name, checksum } of migrations) {
    const before = applied.get(name);
    if (before !== undefined && before !== checksum)
      throw new Error(`Migration ${name} was changed after it had been applied; restore the file and put the change into a new one.`);
  }
};

/**
 * Brings a store to the newest schema: applies the files of `dir` (`0001-name.sql` …) that it has not had, in order.
 * A file cut short by a crash is applied again, so its statements must bear that (`IF NOT EXISTS`, `OR REPLACE`).
 * @returns the names applied now
 * @throws Error when a file that was applied has changed since; nothing is applied then
 */
export const applyMigrations = async (store: Migrated, dir: string): Promise<string[]> => {
  const migrations = await readMigrations(dir, store.ending);
  const applied = await store.applied();
  refuseChanged(migrations, applied);
  const missing = migrations.filter(({ name }) => !applied.has(name));
  for (const { name, checksum, statements } of missing) {
    for (const statement of statements) await store.run(statement);
    await store.note(name, checksum);
  }
  return missing.map(({ name }) => name);
};
