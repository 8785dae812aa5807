import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, readConfig, type Config } from "#shared/run/config.ts";
import { runUntilSignal } from "#shared/run/lifecycle.ts";
import { createLogger, type Logger } from "#shared/run/logger.ts";
import { createRegistry } from "#shared/run/metrics.ts";
import { roles, share } from "./roles.ts";
import { openStores } from "./stores.ts";
import { welcome } from "./welcome.ts";

function configOrExit(): Config | null {
  try {
    return readConfig(process.env);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    process.exitCode = 1;
    return null;
  }
}

async function main(config: Config): Promise<void> {
  const logger = createLogger(config.logLevel, { role: config.roles.join(",") });
  await runUntilSignal((stack) => sayWhatStopped(start(config, logger, stack)), logger);
}

/** The JSON line is for machines; a person reads this one. */
async function sayWhatStopped(starting: Promise<void>): Promise<void> {
  await starting.catch((thrown: unknown) => {
    process.stderr.write(`Tributary did not start: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    throw thrown;
  });
}

async function start(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<void> {
  const stores = await openStores(config, logger, createRegistry({ processMetrics: true }), stack);
  const shared = share(stores);
  let port: number | undefined;
  // The door opens last and closes first.
  for (const role of config.roles.toReversed()) port = (await roles[role](stores, shared, stack)).port ?? port;
  const http = port === undefined ? null : `http://${config.host}:${port}`;
  const { redisUrl, clickhouseUrl } = stores;
  await writeFile(join(config.dataDir, "endpoints.json"), JSON.stringify({ redisUrl, clickhouseUrl, http, pid: process.pid }), {
    mode: 0o600,
  });
  process.stdout.write(welcome(config, http, clickhouseUrl));
}

const config = configOrExit();
if (config !== null) await main(config);
