import neo4j, { type Driver, type ManagedTransaction, Neo4jError } from "neo4j-driver";
import { applyChanges } from "./changes.ts";
import { createCypherGraph } from "./cypher-graph.ts";
import type { Cypher, Engine, Parameters } from "./cypher.ts";
import { GraphAway } from "./guarded.ts";
import { neo4jDialect } from "./neo4j-dialect.ts";
import type { Graph } from "./port.ts";
import { pairKey } from "./record.ts";

/** Where a Neo4j is, and how to get in. */
export interface Neo4jAccess {
  url: string;
  user: string;
  password: string;
}

/** How long the driver repeats a transaction that met another one, waits for a connection, and for a connection to open (ms). */
const PATIENCE = 1_500;
/** Longest transaction (ms), also where nobody waits for it any more; those of `load` may take longer. */
const LONGEST = 10_000;
const LONGEST_LOAD = 120_000;
/** Pairs of one transaction of `load`. */
const LOAD_PART = 10_000;

/** A driver that gives up soon: whoever waits is to be told. */
export const openDriver = ({ url, user, password }: Neo4jAccess, patience = PATIENCE): Driver =>
  neo4j.driver(url, neo4j.auth.basic(user, password), {
    disableLosslessIntegers: true,
    maxTransactionRetryTime: patience,
    connectionAcquisitionTimeout: patience,
    connectionTimeout: patience,
    telemetryDisabled: true,
    userAgent: "tributary",
  });

/** Whole numbers as Neo4j's integers: the driver sends others as floats. */
function sent(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? neo4j.int(value) : value;
  if (Array.isArray(value)) return value.map(sent);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, sent(one)]));
}

const cypherOf = (transaction: ManagedTransaction): Cypher => ({
  async run<Row>(statement: string, parameters: Parameters = {}): Promise<Row[]> {
    const { records } = await transaction.run(statement, sent(parameters) as Parameters);
    return records.map((record) => record.toObject() as Row);
  },
});

/** Whether a failure is Neo4j's being away rather than a statement's being wrong. */
const isAway = (error: unknown): boolean =>
  error instanceof Neo4jError && !/^Neo\.(ClientError\.(Statement|Schema)|DatabaseError)\b/.test(error.code);

function engineOf(driver: Driver, timeout: number): Engine {
  // A reader of a cluster sees what this process has written before.
  const bookmarkManager = driver.executeQueryBookmarkManager;

  async function inSession<Result>(way: "executeRead" | "executeWrite", work: (cypher: Cypher) => Promise<Result>): Promise<Result> {
    const session = driver.session({ bookmarkManager });
    try {
      return await session[way]((transaction) => work(cypherOf(transaction)), { timeout });
    } catch (error) {
      throw isAway(error) ? new GraphAway(error) : error;
    } finally {
      await session.close().catch(() => undefined);
    }
  }
  return {
    dialect: neo4jDialect,
    read: (work) => inSession("executeRead", work),
    write: (work) => inSession("executeWrite", work),
  };
}

/** The port over a Neo4j; see `guarded` for what callers see while it is away. Opening does not connect. */
export function openNeo4jGraph(access: Neo4jAccess, patience = PATIENCE): Graph {
  const driver = openDriver(access, patience);
  const loading = engineOf(driver, LONGEST_LOAD);
  const engine = engineOf(driver, LONGEST);
  return {
    ...createCypherGraph(engine),
    load: async (pairs) => {
      for (let from = 0; from < pairs.length; from += LOAD_PART) {
        const part = pairs.slice(from, from + LOAD_PART);
        const changes = part.map((pair) => ({ key: pairKey(pair.a, pair.b), before: undefined, pair, at: null }));
        await loading.write((cypher) => applyChanges(loading, cypher, changes));
      }
    },
    ping: async () => {
      await engine.read((cypher) => cypher.run("RETURN 1 AS one"));
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}
