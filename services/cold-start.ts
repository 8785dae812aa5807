import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";

import type { ColdClient } from "#shared/cold/client.ts";
import { migrate } from "#shared/cold/migrate.ts";
import type { TablesOptions } from "#shared/cold/tables.ts";
import type { Logger } from "#shared/run/logger.ts";

const directory = join(import.meta.dirname, "../infra/migrations/clickhouse");
const RETRY = 2_000;

/**
 * Brings the cold tier's tables up to date. Where it does not answer the start goes on without it, and this is tried until it does; a
 * migration that is refused stops the start.
 */
export async function openCold({
  client,
  tables,
  logger,
  stack,
}: {
  client: ColdClient["clickhouse"];
  tables: TablesOptions;
  logger: Logger;
  stack: AsyncDisposableStack;
}): Promise<void> {
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  if ((await client.ping()).success) {
    await migrate(client, directory, tables);
    return;
  }
  logger.warn({}, "ClickHouse does not answer; serving without the archive until it does");
  void migrateLater(client, tables, logger, stop.signal);
}

async function migrateLater(client: ColdClient["clickhouse"], tables: TablesOptions, logger: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await after(RETRY, undefined, { signal }).catch(() => undefined);
    if (signal.aborted || !(await client.ping()).success) continue;
    try {
      await migrate(client, directory, tables);
      logger.info({}, "ClickHouse answers; the archive goes on");
      return;
    } catch (err) {
      logger.error({ err }, "the archive's tables could not be brought up to date");
    }
  }
}
