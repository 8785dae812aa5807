import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keys } from "#shared/hot/keys.ts";
import { openHot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { until } from "#test/support/until.ts";
import { startServer, startWorld } from "#test/support/world.ts";

/** What a server says that does not start. */
async function refused(dir: string, env: Record<string, string>): Promise<string> {
  const started = await startServer(dir, { PORT: "0", CLICKHOUSE_PORT: "0", LOG_LEVEL: "silent", ...env }).catch((error: Error) => error);
  if (!(started instanceof Error)) {
    await started.stop();
    throw new Error("it started");
  }
  const [, ...lines] = started.message.split("\n");
  return lines.filter((line) => line.startsWith("Tributary did not start")).join("\n");
}

test("a Kafka that does not answer stops the start with one line that names setting, address and cause", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tributary-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  expect(await refused(dir, { KAFKA_BROKERS: "127.0.0.1:1" })).toMatch(
    /^Tributary did not start: KAFKA_BROKERS names 127\.0\.0\.1:1, where no Kafka serves: [^\n]*ECONNREFUSED[^\n]*$/,
  );
});

test("Kafka is not left out while it alone holds what the archive has yet to do", async () => {
  await using world = await startWorld();
  {
    await using hot = await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" }));
    const id = (await hot.redis.xadd(keys.outbox(3), "*", "r", "P 3 ann", "i", "")) ?? "";
    await until(
      async () => (await hot.redis.get(keys.cursor("archive", 3))) === id,
      20_000,
      () => "an archive at the end",
    );
    // As it is where the archive was away and a relay was not: all was brought to Kafka, and the outbox keeps its last entry only.
    await hot.redis.mset(keys.cursor("relay", 3), id, keys.cursor("archive", 3), "5-0");
    await world.server().stop();
  }
  expect(await refused(world.dir, world.cluster === null ? {} : { REDIS_URL: world.cluster.url })).toMatch(
    /^Tributary did not start: KAFKA_BROKERS is left out, but the Kafka used before holds [^\n]+$/,
  );
});
