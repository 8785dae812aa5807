import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { type ClickHouseChild, startClickHouse } from "#infra/clickhouse/child.ts";
import { createColdClient } from "#shared/cold/client.ts";
import { migrate } from "#shared/cold/migrate.ts";

export const PASSWORD = "a password for the tests of 32 bytes";
export const MIGRATIONS = new URL("../../../infra/migrations/clickhouse", import.meta.url).pathname;

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface TestServer extends AsyncDisposable {
  child: ClickHouseChild;
  /** As `tributary`. */
  owner: ClickHouseClient;
  /** As `analyst`. */
  analyst: ClickHouseClient;
  /** POSTs a statement as an analyst. */
  post(query: string, search?: string, headers?: Record<string, string>): Promise<Response>;
}

/** An embedded ClickHouse of its own in a temporary directory, on a free port, migrated. */
export const startTestServer = async (options: { analystPassword?: string; env?: Record<string, string> } = {}): Promise<TestServer> => {
  const dir = await mkdtemp(join(tmpdir(), "tributary-clickhouse-"));
  const analystPassword = options.analystPassword ?? "";
  const child = await startClickHouse({
    dir,
    port: 0,
    tributaryPassword: PASSWORD,
    analystPassword,
    analystSeconds: 20,
    logger: silent,
    env: options.env ?? {},
  });
  const cold = createColdClient({ url: child.url, password: PASSWORD });
  await migrate(cold.clickhouse, MIGRATIONS);
  const analyst = createClient({
    url: child.url,
    username: "analyst",
    password: analystPassword,
    keep_alive: { enabled: false },
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    child,
    analyst,
    owner: cold.clickhouse,
    post: (query, search = "", headers = {}) => fetch(`${child.url}/${search}`, { method: "POST", body: query, headers }),
    [Symbol.asyncDispose]: async () => {
      await analyst.close();
      await cold[Symbol.asyncDispose]();
      await child[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
