import type { ClickHouseClient } from "@clickhouse/client";
import type { Config } from "#shared/run/config.ts";

export type TablesOptions = Config["clickhouseTables"];

export const ONE_SERVER: TablesOptions = { replicated: false, storagePolicy: null };

/** A statement of the schema as it is to be run: replicated tables are of the same kind of engine, and the database is one whose tables may be. */
export function statementFor(statement: string, { replicated }: TablesOptions): string {
  if (!replicated) return statement;
  return statement
    .replace(/^(\s*ENGINE = )(?=ReplacingMergeTree)/m, "$1Replicated")
    .replace(
      /^CREATE DATABASE IF NOT EXISTS tributary/,
      "CREATE DATABASE IF NOT EXISTS tributary ENGINE = Replicated('/clickhouse/databases/tributary', '{shard}', '{replica}')",
    );
}

const GROWING = ["messages", "inbox"];

/**
 * Puts the growing tables under the storage policy that is asked for.
 * @throws Error of one line that names the setting where ClickHouse refuses it
 */
export async function placeTables(client: ClickHouseClient, { storagePolicy }: TablesOptions): Promise<void> {
  if (storagePolicy === null) return;
  const answer = await client.query({
    query:
      "SELECT name FROM system.tables WHERE database = 'tributary' AND name IN {tables: Array(String)} AND storage_policy != {policy: String}",
    query_params: { tables: GROWING, policy: storagePolicy },
    format: "JSONEachRow",
  });
  for (const { name } of await answer.json<{ name: string }>()) {
    const policy = storagePolicy.replaceAll(/['\\]/g, String.raw`\$&`);
    await client.command({ query: `ALTER TABLE tributary.${name} MODIFY SETTING storage_policy = '${policy}'` }).catch((error: unknown) => {
      const [cause = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
      throw new Error(`CLICKHOUSE_STORAGE_POLICY: ${name} can't be put under ${storagePolicy}: ${cause}`);
    });
  }
}
