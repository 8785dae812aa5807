import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "#shared/run/logger.ts";
import { parseClusterUrl } from "#shared/run/redis-url.ts";
import { startRedisCluster } from "./cluster.ts";

test("six nodes become a cluster whose replicas take over from a master that is killed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tributary-cluster-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  await using cluster = await startRedisCluster({
    dir,
    durability: "everysec",
    timeoutMs: 500,
    logger: createLogger("silent", { role: "test" }),
  });
  const address = parseClusterUrl(cluster.url);
  expect(address?.nodes).toHaveLength(6);
  const client = new Cluster(address?.nodes ?? [], { redisOptions: { maxRetriesPerRequest: null }, maxRedirections: 100 });
  onTestFinished(() => client.disconnect());
  const names = Array.from({ length: 30 }, (_, n) => `key ${n}`);
  for (const name of names) await client.set(name, "value");
  await Promise.all(client.nodes("master").map((node) => node.wait(1, 5_000)));
  await cluster.nodes[0]?.kill();
  for (const name of names) expect(await client.get(name)).toBe("value");
  await cluster.nodes[0]?.revive();
});
