import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { RedisChild } from "#infra/redis/child.ts";
import { startRedisCluster } from "#infra/redis/cluster.ts";
import { createLogger } from "#shared/run/logger.ts";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld } from "#test/support/world.ts";

const MASTERS = 3;
/** A master that says nothing for so long is replaced (ms). */
const TIMEOUT = 1_000;
/** Who is on another master goes on talking: what waits meanwhile is never more than a reconnect can give. */
const FEW = "100";

/** Waits until a node says so of its replication. */
async function says(node: RedisChild, what: string): Promise<void> {
  const redis = new Redis(node.url, { maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  let info = "";
  try {
    await until(
      async () => (info = await redis.info("replication")).includes(what),
      30_000,
      () => `${node.url} to say ${what}; it says ${info}`,
    );
  } finally {
    redis.disconnect();
  }
}

type Outage = (master: RedisChild, replaced: () => Promise<void>) => Promise<void>;

const outages: readonly [string, Outage][] = [
  [
    "is killed and stays away until it is replaced",
    async (master, replaced) => {
      await master.kill();
      await replaced();
      await master.revive();
    },
  ],
  [
    "hangs until it is replaced",
    async (master, replaced) => {
      process.kill(master.pid(), "SIGSTOP");
      try {
        await replaced();
      } finally {
        process.kill(master.pid(), "SIGCONT");
      }
    },
  ],
];

test.each(outages)("with REDIS_WAIT=1 a master of the cluster that %s under traffic costs nobody a message", async (name, outage) => {
  const random = createRandom(seedOf(`failover: ${name}`));
  const dir = await mkdtemp(join(tmpdir(), "tributary-outer-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const logger = createLogger("silent", { role: "test" });
  await using cluster = await startRedisCluster({ dir, durability: "fsync", timeoutMs: TIMEOUT, logger });
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url, REDIS_WAIT: "1", OUTBOX_MAX: FEW });
  await using chatter = await startChatter(world, random);
  for (let n = 0; n < MASTERS; n++) {
    await chatter.more(random.between(50, 600));
    const [master, replica] = [cluster.nodes[n] as RedisChild, cluster.nodes[n + MASTERS] as RedisChild];
    const begun = performance.now();
    await outage(master, () => says(replica, "role:master"));
    await says(master, "master_link_status:up");
    await chatter.more(100);
    process.stdout.write(`goes on ${((performance.now() - begun) / 1_000).toFixed(1)} s after the outage began\n`);
  }
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(world.server().log()).not.toContain("failed unexpectedly");
});
