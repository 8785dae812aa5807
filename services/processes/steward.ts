import type { Config } from "#shared/run/config.ts";
import { runUntilSignal, stopPatience } from "#shared/run/lifecycle.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createRegistry, defineMetrics, runMetrics } from "#shared/run/metrics.ts";
import { announce, sayWhatStopped } from "../announce.ts";
import { openServers } from "../servers.ts";
import { startPool } from "./pool.ts";

/**
 * The process that watches: it opens the embedded stores, brings the tables up to date, and keeps `config.processes` workers that serve on one
 * port. When it is asked to stop the workers drain, then the stores end. When it is killed the workers notice and end too.
 */
export async function runSteward(config: Config, logger: Logger): Promise<void> {
  const { promise: over, reject: hopeless } = Promise.withResolvers<void>();
  await runUntilSignal(
    (stack, signal) =>
      sayWhatStopped(async () => {
        const registry = createRegistry({ processMetrics: true });
        const servers = await openServers(config, logger, defineMetrics(registry, runMetrics), stack);
        // Whether all is ready the workers say.
        registry.removeSingleMetric("tributary_ready");
        signal.throwIfAborted();
        const { processes: count, port, drainSeconds } = config;
        const pool = stack.use(await startPool({ count, servers, port, drainSeconds, logger, registry, hopeless, signal }));
        await announce(config, servers, config.roles.includes("gateway") ? pool.port : null);
      }),
    logger,
    over,
    // Workers that are late are killed, and the stores end after them.
    2 * stopPatience(config),
  );
}
