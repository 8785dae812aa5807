import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import { createLogger, type Logger } from "#shared/run/logger.ts";
import type { Ids } from "#shared/wire/ports.ts";
import { startTestRedis } from "./redis.ts";

/** A hot tier of a test file's own: a real Redis in a directory of its own, with message ids that no other worker makes. */
export interface TestHot extends AsyncDisposable {
  hot: Hot;
  url: string;
  ids: Ids;
  logger: Logger;
  /** Runs a script and gives its answer as the caller knows it. */
  run<T>(...call: Parameters<Hot["run"]>): Promise<T>;
}

/** Starts the Redis and connects to it; disposing ends both and removes the directory. */
export async function startHot(): Promise<TestHot> {
  const logger = createLogger("silent", { role: "test" });
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "tributary-hot-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const child = stack.use(await startTestRedis({ dir, durability: "everysec", unixSocket: true, logger }));
  const hot = stack.use(await openHot(child.url, logger));
  const opened = stack.move();
  return {
    hot,
    url: child.url,
    ids: createSnowflake({ worker: 1 }),
    logger,
    run: async <T>(...call: Parameters<Hot["run"]>) => (await hot.run(...call)) as T,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
