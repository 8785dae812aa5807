import cluster from "node:cluster";
import { ConfigError, readConfig, type Config } from "#shared/run/config.ts";
import { runUntilSignal, stopPatience } from "#shared/run/lifecycle.ts";
import { createLogger, type Logger } from "#shared/run/logger.ts";
import { createRegistry, defineMetrics, runMetrics } from "#shared/run/metrics.ts";
import { announce, sayWhatStopped } from "./announce.ts";
import { runSteward } from "./processes/steward.ts";
import { runWorker } from "./processes/worker.ts";
import { startRoles } from "./roles.ts";
import { openServers } from "./servers.ts";
import { connectStores } from "./stores.ts";

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
  const stewards = cluster.isPrimary && config.processes > 1;
  const logger = createLogger(config.logLevel, { role: stewards ? "steward" : config.roles.join(",") });
  if (cluster.isWorker) await runWorker(config, logger);
  else if (stewards) await runSteward(config, logger);
  else await runUntilSignal((stack) => sayWhatStopped(() => start(config, logger, stack)), logger, undefined, stopPatience(config));
}

async function start(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<void> {
  const registry = createRegistry({ processMetrics: true });
  const metrics = defineMetrics(registry, runMetrics);
  const servers = await openServers(config, logger, metrics, stack);
  const stores = await connectStores({ config, logger, registry, metrics }, servers, stack);
  await announce(config, servers, await startRoles(stores, stack));
}

const config = configOrExit();
if (config !== null) await main(config);
