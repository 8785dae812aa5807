import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { createClient } from "@clickhouse/client";
import type { RedisChild } from "#infra/redis/child.ts";
import { startRedisCluster, type RedisCluster } from "#infra/redis/cluster.ts";
import { createLogger } from "#shared/run/logger.ts";
import { keys } from "#shared/hot/keys.ts";
import { chooseLayout } from "#shared/hot/layout.ts";
import { slotOf } from "#shared/hot/slots.ts";
import type { Message } from "#shared/wire/values.ts";
import { SMALL, startChatter, USERS } from "#test/support/chatter.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { createDevice, group, type Sent } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld } from "#test/support/world.ts";

const MASTERS = 3;
/** A master that says nothing for so long is replaced (ms). */
const TIMEOUT = 1_000;

async function on<T>(node: RedisChild, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(node.url, { maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  try {
    return await act(redis);
  } finally {
    redis.disconnect();
  }
}

/** Waits until a node says so of its replication. */
const says = (node: RedisChild, what: string): Promise<void> =>
  on(node, async (redis) => {
    let info = "";
    await until(
      async () => (info = await redis.info("replication")).includes(what),
      30_000,
      () => `${node.url} to say ${what}; it says ${info}`,
    );
  });

/** The replica gets nothing more from its master, and would take over with what it has. */
async function cutOff(replica: RedisChild): Promise<void> {
  await on(replica, async (redis) => {
    await redis.config("SET", "masterauth", "not the master's");
    await redis.call("CLIENT", "KILL", "TYPE", "master");
  });
  await says(replica, "master_link_status:down");
}

type Ends = (master: RedisChild, replaced: () => Promise<void>) => Promise<void>;

const killed: Ends = async (master, replaced) => {
  await master.kill();
  await replaced();
  await master.revive();
};

/** It comes back as if nothing had been, with what it had been sent in the meantime. */
const stopped: Ends = async (master, replaced) => {
  process.kill(master.pid(), "SIGSTOP");
  try {
    await replaced();
  } finally {
    process.kill(master.pid(), "SIGCONT");
  }
};

test("replicas that take over without their masters' last writes are given them again by the processes that made them", async () => {
  const random = createRandom(seedOf("succession"));
  const dir = await mkdtemp(join(tmpdir(), "tributary-outer-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const logger = createLogger("silent", { role: "test" });
  await using cluster = await startRedisCluster({ dir, durability: "fsync", timeoutMs: TIMEOUT, logger });
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url, PROCESSES: "2" });
  await using chatter = await startChatter(world, random);
  for (const [n, ends] of [killed, stopped].entries()) {
    await chatter.more(random.between(50, 300));
    const [master, replica] = [cluster.nodes[n] as RedisChild, cluster.nodes[n + MASTERS] as RedisChild];
    await cutOff(replica);
    await chatter.more(random.between(50, 500));
    const begun = performance.now();
    await ends(master, () => says(replica, "role:master"));
    await says(master, "master_link_status:up");
    await chatter.more(100);
    process.stdout.write(`goes on ${((performance.now() - begun) / 1_000).toFixed(1)} s after the outage began\n`);
  }
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  const log = world.server().log();
  const repeated = [...log.matchAll(/"repeated":(\d+)/g)].map(([, count]) => Number(count));
  expect(Math.max(...repeated)).toBeGreaterThan(0);
  expect(log).not.toContain("epochs change");
  expect(log).not.toContain("failed unexpectedly");
});

/** The number, from 0, of the master that has a key. */
const masterOf = (cluster: RedisCluster, key: string): Promise<number> =>
  on(cluster.nodes[0] as RedisChild, async (redis) => {
    const slots = await redis.cluster("SLOTS");
    const slot = slotOf(key);
    const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
    return cluster.nodes.findIndex(({ url }) => url.endsWith(`:${port}`));
  });

async function archivedOf(url: string, conversationId: string): Promise<number> {
  const client = createClient({ url, database: "tributary" });
  try {
    const answer = await client.query({
      query: "SELECT toUInt32(uniqExact(seq)) AS n FROM messages WHERE conversation_id = {id: UInt64}",
      query_params: { id: conversationId },
      format: "JSONEachRow",
    });
    const [row] = await answer.json<{ n: number }>();
    return row?.n ?? 0;
  } finally {
    await client.close();
  }
}

test.each([
  ["write", 2],
  ["read", 5],
])(
  "where the only process that knew is killed with the master, epochs move and no number comes twice, in %s mode",
  async (mode, members) => {
    const dir = await mkdtemp(join(tmpdir(), "tributary-outer-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    chooseLayout(true);
    await using cluster = await startRedisCluster({
      dir,
      durability: "fsync",
      timeoutMs: TIMEOUT,
      logger: createLogger("silent", { role: "test" }),
    });
    await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url });
    using ann = createDevice({ socket: world.socket(), user: "ann", token: () => world.token("ann") });
    using bob = createDevice({ socket: world.socket(), user: "bob", token: () => world.token("bob") });
    await Promise.all([ann.connect(), bob.connect()]);
    const { id } = await group(ann, "of the town", USERS.slice(1, members));
    const sent: Sent[] = [];
    const talk = async (many: number) => {
      for (let n = 0; n < many; n++) sent.push(await ann.send(id, `message ${sent.length + 1}`));
    };
    await talk(20);
    const n = await masterOf(cluster, keys.head(id));
    const [master, replica] = [cluster.nodes[n] as RedisChild, cluster.nodes[n + MASTERS] as RedisChild];
    await cutOff(replica);
    await talk(30);
    const archived = sent.length;
    await until(
      async () => (await archivedOf(world.endpoints().clickhouseUrl, id)) >= archived,
      30_000,
      () => `${archived} messages in the archive`,
    );
    await talk(5);
    const channel = mode === "read" ? `conversation:${id}` : "inbox:bob";
    const before = bob.positions[channel];
    await world.server().kill();
    await master.kill();
    await says(replica, "role:master");
    await world.restart();
    await Promise.all([ann.connected(), bob.connected()]);
    await until(
      () => world.server().log().includes("epochs change"),
      30_000,
      () => `a word of what is lost: ${world.server().log()}`,
    );
    await until(
      () => bob.positions[channel] !== undefined && bob.positions[channel]?.epoch !== before?.epoch,
      60_000,
      () => `a new epoch of ${channel}: ${JSON.stringify(bob.positions)}`,
    );
    const next = await ann.send(id, "and on");
    expect(next.seq).toBeGreaterThan(archived);
    await until(
      () => bob.heard(id).some(({ text }) => text === "and on"),
      30_000,
      () => "the next message to arrive",
    );
    const { messages } = await world.call<{ messages: Message[] }>("bob", "message.history", { conversationId: id, limit: 100 });
    const told = messages.map(({ id: messageId, seq }) => `${messageId} ${seq}`);
    expect(told).toEqual(expect.arrayContaining(sent.slice(0, archived).map((one) => `${one.id} ${one.seq}`)));
    expect(told.at(-1)).toBe(`${next.id} ${next.seq}`);
    const { entries } = await world.call<{ entries: object[]; last: number }>("bob", "message.history", {
      conversationId: id,
      entries: true,
      after: 0,
      limit: 200,
    });
    expect(entries).toHaveLength(next.seq);
  },
);
