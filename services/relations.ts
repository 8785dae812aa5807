import { rebuildFacts, type Rebuilt } from "#services/relation/rebuild.ts";
import { openHot } from "#shared/hot/redis.ts";
import { type Config, readConfig } from "#shared/run/config.ts";
import { createLogger } from "#shared/run/logger.ts";
import { runningServer, secretOf } from "#shared/run/running-server.ts";
import type { GraphAccess } from "./servers.ts";
import { leasedIds, openGraph } from "./stores.ts";

/** `npm run relations -- rebuild`: makes the facts in Redis what the relation graph says, while servers serve. */

const USAGE = "npm run relations -- rebuild";
/** From one line of progress to the next (ms). */
const EVERY = 1_000;

async function graphOf({ neo4j, dataDir }: Config): Promise<GraphAccess> {
  if (neo4j !== null) return { neo4j };
  const { graphUrl } = await runningServer(dataDir);
  if (graphUrl === null)
    throw new Error(`the server in ${dataDir} has no graph of its own; set NEO4J_URL, NEO4J_USER and NEO4J_PASSWORD as it has them`);
  return { embedded: { url: graphUrl, secret: await secretOf(dataDir, "graph-secret") } };
}

const said = ({ pairs, mended, left }: Readonly<Rebuilt>): string =>
  `${pairs.toLocaleString("en")} pairs looked at, ${mended.toLocaleString("en")} mended, ${left.toLocaleString("en")} left to the servers that change them`;

async function rebuild(): Promise<void> {
  const config = readConfig(process.env);
  const redisUrl = config.redisUrl ?? (await runningServer(config.dataDir)).redisUrl;
  const logger = createLogger("silent", { role: "relations" });
  await using stack = new AsyncDisposableStack();
  const graph = stack.use(openGraph(await graphOf(config)));
  const hot = stack.use(await openHot(redisUrl, logger));
  const ids = await leasedIds(hot, logger, stack);
  const begun = performance.now();
  let next = begun + EVERY;
  const so = await rebuildFacts({ hot, graph, ids, fanoutWriteMax: config.fanoutWriteMax, logger }, (progress) => {
    if (performance.now() < next) return;
    next = performance.now() + EVERY;
    process.stdout.write(`${said(progress)} …\n`);
  });
  process.stdout.write(`the facts are what the graph says: ${said(so)}, in ${((performance.now() - begun) / 1_000).toFixed(1)} s\n`);
}

try {
  if (process.argv[2] !== "rebuild" || process.argv.length > 3) throw new Error(`there is one thing to do: ${USAGE}`);
  await rebuild();
} catch (thrown) {
  process.stderr.write(`relations: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
