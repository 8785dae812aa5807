import { createColdClient, type ColdOptions } from "#shared/cold/client.ts";
import { createColdStore } from "#shared/cold/store.ts";
import { openHot } from "#shared/hot/redis.ts";
import { readConfig, type Config } from "#shared/run/config.ts";
import { runningServer, secretOf } from "#shared/run/running-server.ts";
import { createLogger } from "#shared/run/logger.ts";
import { readMemory } from "./look.ts";
import { planNow } from "./scheduler.ts";
import { streamsOf, readLags } from "./streams.ts";
import { countHot } from "./survey.ts";
import { pageOf } from "./tiers-page.ts";

/** Where the stores are: as set, or as the running server says of itself in its data directory. */
async function endpoints(config: Config): Promise<{ redisUrl: string; cold: ColdOptions }> {
  const { redisUrl, clickhouseUrl } = config;
  const running = redisUrl === null || clickhouseUrl === null ? await runningServer(config.dataDir) : null;
  const url = new URL(clickhouseUrl ?? running?.clickhouseUrl ?? "");
  const own = clickhouseUrl === null ? await secretOf(config.dataDir, "clickhouse-password") : decodeURIComponent(url.password);
  const user = url.username === "" ? {} : { user: decodeURIComponent(url.username) };
  return { redisUrl: redisUrl ?? running?.redisUrl ?? "", cold: { url: url.origin, password: own, ...user } };
}

/** Prints what lies in which tier, how far behind the archive is, and what the scheduler plans. Changes nothing. */
async function main(dryRun: boolean): Promise<void> {
  const config = readConfig(process.env);
  const where = await endpoints(config);
  await using stack = new AsyncDisposableStack();
  const hot = stack.use(await openHot(where.redisUrl, createLogger("silent", { role: "tiers" })));
  const cold = createColdStore(stack.use(createColdClient(where.cold)).clickhouse);
  const [memory, totals, lags] = [await readMemory(hot), await countHot(hot), await readLags(hot, streamsOf(config.archiveInbox))];
  const [tables, months] = await Promise.all([cold.bytes(), cold.partitions()]);
  const plan = await planNow({ hot, cold, config });
  process.stdout.write(pageOf({ memory, totals, lags, tables, months, plan }, dryRun));
}

try {
  await main(process.argv.includes("--dry-run"));
} catch (thrown) {
  process.stderr.write(`tiers: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
