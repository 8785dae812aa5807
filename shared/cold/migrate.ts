import type { ClickHouseClient } from "@clickhouse/client";
import { ONE_SERVER, placeTables, statementFor, type TablesOptions } from "./tables.ts";
import { applyMigrations } from "#shared/run/migrations.ts";

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

const readApplied = async (client: ClickHouseClient): Promise<Map<string, string>> => {
  const answer = await client.query({ query: "SELECT name, checksum FROM tributary.schema_migrations FINAL", format: "JSONEachRow" });
  const rows = await answer.json<Applied>();
  return new Map(rows.map((row) => [row.name, row.checksum]));
};

/**
 * Brings the database `tributary` to the newest schema by the files of `dir` (`0001-name.sql` …), its tables laid out as asked for.
 * @returns the names applied now
 * @throws Error when a file that was applied has changed since; nothing is applied then
 */
export const migrate = async (client: ClickHouseClient, dir: string, tables: TablesOptions = ONE_SERVER): Promise<string[]> => {
  const run = (statement: string) => client.command({ query: statementFor(statement, tables) });
  for (const statement of BOOKKEEPING) await run(statement);
  const store = {
    ending: ".sql",
    applied: () => readApplied(client),
    run,
    note: (name: string, checksum: string) =>
      client.insert({ table: "tributary.schema_migrations", values: [{ name, checksum }], format: "JSONEachRow" }),
  };
  const names = await applyMigrations(store, dir);
  await placeTables(client, tables);
  return names;
};
