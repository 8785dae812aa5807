import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startRedis } from "#infra/redis/child.ts";
import { startRedisCluster } from "#infra/redis/cluster.ts";
import { freePort } from "#infra/redis/ready.ts";
import { createLogger } from "#shared/run/logger.ts";
import { processesOf } from "#test/support/processes.ts";
import { startServer } from "#test/support/world.ts";

const logger = createLogger("silent", { role: "test" });

async function newDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a server that must not come up; resolves to the line that says why. */
async function failedStart(redisUrl: string): Promise<string> {
  const dir = await newDir();
  const failure = await startServer(dir, { PORT: "0", CLICKHOUSE_PORT: "0", REDIS_URL: redisUrl }).then(
    async (server) => {
      await server.kill();
      return "it came up";
    },
    (thrown: Error) => thrown.message,
  );
  expect(processesOf(dir)).toEqual([]);
  const lines = failure.split("\n").filter((line) => line.startsWith("Tributary did not start: "));
  expect(lines).toHaveLength(1);
  return lines[0] ?? "";
}

test.each(["redis://127.0.0.1", "redis+cluster://127.0.0.1"])(
  "where nothing listens the start stops with one line that says so (%s)",
  async (scheme) => {
    const port = await freePort();
    const line = await failedStart(`${scheme}:${port}`);
    expect(line).toContain("REDIS_URL names");
    expect(line).toContain(`127.0.0.1:${port}`);
    expect(line).toContain("does not answer (");
    expect(line).toContain("ECONNREFUSED");
  },
);

test("a server that takes connections and says nothing is given up, and named", async () => {
  const mute = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void mute.close());
  mute.on("connection", (socket) => onTestFinished(() => void socket.destroy()));
  await once(mute, "listening");
  const { port } = mute.address() as { port: number };
  const line = await failedStart(`redis+cluster://127.0.0.1:${port}`);
  expect(line).toMatch(new RegExp(`REDIS_URL names .*127.0.0.1:${port}, which does not answer \\(.*timed out`));
});

test("one Redis is not taken for a cluster", async () => {
  await using redis = await startRedis({ dir: await newDir(), durability: "everysec", logger });
  const { host } = new URL(redis.url);
  expect(await failedStart(`redis+cluster://${host}`)).toMatch(
    new RegExp(`REDIS_URL names ${host}, which is not a node of a Redis Cluster \\(.*\\); write redis://${host}`),
  );
});

test("a node of a cluster is not taken for one Redis", async () => {
  await using cluster = await startRedisCluster({ dir: await newDir(), durability: "everysec", logger });
  const [first = ""] = cluster.nodes.map(({ url }) => url);
  expect(await failedStart(first)).toContain(`REDIS_URL names ${first}, a node of a Redis Cluster; write redis+cluster://`);
});
