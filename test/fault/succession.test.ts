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
import type { Conversation, Message } from "#shared/wire/values.ts";
import { SMALL, startChatter, USERS } from "#test/support/chatter.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { createDevice, type Device, group, type Sent } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld, type World } from "#test/support/world.ts";

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

/** The master that has a key, and its replica. */
const nodesOf = (cluster: RedisCluster, key: string): Promise<[master: RedisChild, replica: RedisChild]> =>
  on(cluster.nodes[0] as RedisChild, async (redis) => {
    const slots = await redis.cluster("SLOTS");
    const slot = slotOf(key);
    const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
    const n = cluster.nodes.findIndex(({ url }) => url.endsWith(`:${port}`));
    return [cluster.nodes[n] as RedisChild, cluster.nodes[n + MASTERS] as RedisChild];
  });

function talkOf(device: Device, id: string): { sent: Sent[]; talk: (many: number) => Promise<void> } {
  const sent: Sent[] = [];
  return {
    sent,
    async talk(many) {
      for (let n = 0; n < many; n++) sent.push(await device.send(id, `message ${sent.length + 1}`));
    },
  };
}

/** Nobody is left who knows what the replica has not got; resolves when the server that is started then has said so. */
async function killTogether(world: World, master: RedisChild, replica: RedisChild): Promise<void> {
  await world.server().kill();
  await master.kill();
  await says(replica, "role:master");
  await world.restart();
  await until(
    () => world.server().log().includes("epochs change"),
    30_000,
    () => `a word of what is lost: ${world.server().log()}`,
  );
}

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
    const { sent, talk } = talkOf(ann, id);
    await talk(20);
    const [master, replica] = await nodesOf(cluster, keys.head(id));
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
    await killTogether(world, master, replica);
    await Promise.all([ann.connected(), bob.connected()]);
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

test("where it was the inboxes' master, what came into them is put into them again", async () => {
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
  const [master, replica] = await nodesOf(cluster, keys.user("bob"));
  let elsewhere: Conversation;
  do elsewhere = await group(ann, "elsewhere", ["bob"]);
  while ((await nodesOf(cluster, keys.head(elsewhere.id)))[0] === master);
  const { sent, talk } = talkOf(ann, elsewhere.id);
  await talk(10);
  await cutOff(replica);
  await talk(20);
  await until(
    () => bob.heard(elsewhere.id).length >= sent.length,
    30_000,
    () => "all to be in bob's inbox",
  );
  await killTogether(world, master, replica);
  let held: string[] = [];
  await until(
    async () => {
      const { items } = await world.call<{ items: { message: Message }[] }>("bob", "timeline.read", { limit: 100 });
      held = items.filter(({ message }) => message.conversationId === elsewhere.id).map(({ message }) => message.id);
      return held.length >= sent.length;
    },
    30_000,
    () => `${sent.length} messages in bob's timeline, there are ${held.length}`,
  );
  expect(held.toReversed()).toEqual(sent.map(({ id }) => id));
});
