import { join } from "node:path";
import { type Driver, Neo4jError } from "neo4j-driver";
import { applyMigrations } from "../run/migrations.ts";
import { type Neo4jAccess, openDriver } from "./neo4j.ts";

const MIGRATIONS = join(import.meta.dirname, "../../infra/migrations/neo4j");
/** Longest wait for a first answer (ms). */
const PATIENCE = 10_000;
/** Longer, so that it is told in our words. */
const DRIVER_PATIENCE = 12_000;

/**
 * Asks whether a Neo4j lets us in, and brings its constraints and indexes up to date.
 * @throws Error of one line that names the setting at fault, the address and the cause, within 10 s
 */
export async function prepareNeo4j(access: Neo4jAccess): Promise<void> {
  const driver = openDriver(access, DRIVER_PATIENCE);
  try {
    await letIn(driver, access);
    await migrate(driver);
  } finally {
    await driver.close();
  }
}

async function letIn(driver: Driver, { url, user }: Neo4jAccess): Promise<void> {
  const address = new URL(url);
  const shown = `${address.protocol}//${address.host}`;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1_000} s`)), PATIENCE);
  try {
    await Promise.race([driver.getServerInfo(), late]);
  } catch (error) {
    const cause = causeOf(error);
    if (error instanceof Neo4jError && error.code.startsWith("Neo.ClientError.Security."))
      throw new Error(`NEO4J_USER or NEO4J_PASSWORD is not accepted by ${shown} for the user ${user}: ${cause}`);
    throw new Error(`NEO4J_URL names ${shown}, where no Neo4j can be reached: ${cause}`);
  } finally {
    clearTimeout(timer);
  }
}

/** One line; of the driver's longer texts the end, which has the reason. */
function causeOf(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
  return line.split("Caused by: ").at(-1) ?? line;
}

async function migrate(driver: Driver): Promise<void> {
  const session = driver.session();
  const run = (statement: string, parameters = {}) => session.executeWrite((transaction) => transaction.run(statement, parameters));
  try {
    await run("CREATE CONSTRAINT migration_name IF NOT EXISTS FOR (m:Migration) REQUIRE m.name IS UNIQUE");
    const store = {
      ending: ".cypher",
      applied: async () => {
        const { records } = await run("MATCH (m:Migration) RETURN m.name AS name, m.checksum AS checksum");
        return new Map(records.map((record) => [record.get("name") as string, record.get("checksum") as string]));
      },
      run,
      note: (name: string, checksum: string) => run("MERGE (m:Migration {name: $name}) SET m.checksum = $checksum", { name, checksum }),
    };
    await applyMigrations(store, MIGRATIONS);
  } finally {
    await session.close();
  }
}
