import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { statementsOf } from "#shared/run/migrations.ts";
import { ONE_SERVER, statementFor } from "./tables.ts";

const MIGRATIONS = new URL("../../infra/migrations/clickhouse/", import.meta.url);
const schema = readdirSync(MIGRATIONS).map((name) => readFileSync(new URL(name, MIGRATIONS), "utf8"));
const statements = schema.flatMap(statementsOf);
const replicated = { replicated: true, storagePolicy: null };

test("of one server every statement stays as it is written", () => {
  for (const statement of statements) expect(statementFor(statement, ONE_SERVER)).toBe(statement);
});

test("of several servers every table with data of its own is a replicated one, and the database hands the schema on", () => {
  const tables = statements.filter((statement) => statement.includes("CREATE TABLE"));
  expect(tables.length).toBeGreaterThanOrEqual(6);
  for (const statement of tables) expect(statementFor(statement, replicated)).toMatch(/^\s*ENGINE = ReplicatedReplacingMergeTree\b/m);
  expect(statements.map((statement) => statementFor(statement, replicated)).join("")).not.toMatch(/ENGINE = (?!Replicated)\w*MergeTree/);
  expect(statementFor("CREATE DATABASE IF NOT EXISTS tributary COMMENT 'x'", replicated)).toBe(
    "CREATE DATABASE IF NOT EXISTS tributary ENGINE = Replicated('/clickhouse/databases/tributary', '{shard}', '{replica}') COMMENT 'x'",
  );
});
