import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";

interface Migration {
  name: string;
  checksum: string;
  statements: string[];
}

interface Applied {
  name: string;
  checksum: string;
}

const BOOKKEEPING = [
  "CREATE DATABASE IF NOT EXISTS tributary COMMENT 'History of the messaging timeline server'",
  `CREATE TABLE IF NOT EXISTS tributary.schema_migrations
   (
     name String COMMENT 'File name of the migration',
     checksum String COMMENT 'SHA-256 of the file as it was applied, in hex',
     at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'Time it was applied'
   )
   ENGINE = ReplacingMergeTree ORDER BY name
   COMMENT 'Migrations applied to this database'`,
];

/** Statements of a file: each ends with a semicolon at the end of a line. */
const statementsOf = (text: string): string[] =>
  text
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");

const readMigrations = async (dir: string): Promise<Migration[]> => {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(dir, name), "utf8");
      return { name, checksum: createHash("sha256").update(text).digest("hex"), statements: statementsOf(text) };
    }),
  );
};

const readApplied = async (client: ClickHouseClient): Promise<Map<string, string>> => {
  const answer = await client.query({ query: "SELECT name, checksum FROM tributary.schema_migrations FINAL", format: "JSONEachRow" });
  const rows = await answer.json<Applied>();
  return new Map(rows.map((row) => [row.name, row.checksum]));
};

const refuseChanged = (migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void => {
  for (const { name, checksum } of migrations) {
    const before = applied.get(name);
    if (before !== undefined && before !== checksum)
      throw new Error(`Migration ${name} was changed after it had been applied; restore the file and put the change into a new one.`);
  }
};

/**
 * Brings the database `tributary` to the newest schema: applies the files of `dir` (`0001-name.sql` …) that are missing, in order.
 * A file cut short by a crash is applied again, so its statements must bear that (`IF NOT EXISTS`, `OR REPLACE`).
 * @returns the names applied now
 * @throws Error when a file that was applied has changed since; nothing is applied then
 */
export const migrate = async (client: ClickHouseClient, dir: string): Promise<string[]> => {
  for (const query of BOOKKEEPING) await client.command({ query });
  const migrations = await readMigrations(dir);
  const applied = await readApplied(client);
  refuseChanged(migrations, applied);
  const missing = migrations.filter(({ name }) => !applied.has(name));
  for (const { name, checksum, statements } of missing) {
    for (const query of statements) await client.command({ query });
    await client.insert({ table: "tributary.schema_migrations", values: [{ name, checksum }], format: "JSONEachRow" });
  }
  return missing.map(({ name }) => name);
};
