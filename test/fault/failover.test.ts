import { expect, test } from "vitest";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { killed, startFailoverCluster, stopped } from "#test/support/failover.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld } from "#test/support/world.ts";

/** Who is on another master goes on talking: what waits meanwhile is never more than a reconnect can give. */
const FEW = "100";

test.each([
  ["is killed and stays away until it is replaced", killed],
  ["hangs until it is replaced", stopped],
])("with REDIS_WAIT=1 a master of the cluster that %s under traffic costs nobody a message", async (name, outage) => {
  const random = createRandom(seedOf(`failover: ${name}`));
  await using cluster = await startFailoverCluster();
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url, REDIS_WAIT: "1", OUTBOX_MAX: FEW });
  await using chatter = await startChatter(world, random);
  for (const pair of cluster.pairs) {
    await chatter.more(random.between(50, 600));
    const begun = performance.now();
    await outage(pair);
    await chatter.more(100);
    process.stdout.write(`goes on ${((performance.now() - begun) / 1_000).toFixed(1)} s after the outage began\n`);
  }
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(world.server().log()).not.toContain("failed unexpectedly");
});
