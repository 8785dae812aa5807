import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "#shared/run/config.ts";
import type { Servers } from "./servers.ts";
import { welcome } from "./welcome.ts";

/** Says that the server is up: to machines by `endpoints.json` in DATA_DIR, to people on stdout. */
export async function announce(config: Config, { redisUrl, clickhouse, graph }: Servers, port: number | null): Promise<void> {
  const http = port === null ? null : `http://${config.host}:${port}`;
  const endpoints = {
    redisUrl,
    clickhouseUrl: clickhouse.url,
    graphUrl: "embedded" in graph ? graph.embedded.url : null,
    http,
    pid: process.pid,
  };
  await writeFile(join(config.dataDir, "endpoints.json"), JSON.stringify(endpoints), { mode: 0o600 });
  process.stdout.write(welcome(config, http, clickhouse.url));
}

/** The JSON line of the log is for machines; a person reads this one. */
export async function sayWhatStopped(start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (thrown) {
    process.stderr.write(`Tributary did not start: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    throw thrown;
  }
}
