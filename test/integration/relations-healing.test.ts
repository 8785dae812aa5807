import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applied } from "#services/relation/rules.ts";
import { openEmbeddedGraph } from "#shared/graph/embedded.ts";
import { newPair } from "#shared/graph/pair.ts";
import type { Graph, Pair } from "#shared/graph/port.ts";
import { factHolders } from "#shared/hot/fact-walk.ts";
import { keys } from "#shared/hot/keys.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { relationsChange } from "#shared/hot/relating.ts";
import { createLogger } from "#shared/run/logger.ts";
import type { Conversation, Relation } from "#shared/wire/values.ts";
import { metric } from "#test/support/metrics.ts";
import { nothing, told } from "#test/support/relating.ts";
import { createDevice, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

/** What a process may leave when it ends between the graph and the facts, and what a Redis may have lost. */

let world: World;
let graph: Graph;
let hot: Hot;
const devices: Device[] = [];
const root = join(import.meta.dirname, "../..");

beforeAll(async () => {
  world = await startWorld();
  const secret = readFileSync(join(world.dir, "graph-secret"), "utf8");
  graph = openEmbeddedGraph({ url: world.endpoints().graphUrl ?? "", secret });
  hot = await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" }));
});
afterAll(async () => {
  for (const device of devices) device[Symbol.dispose]();
  await hot[Symbol.asyncDispose]();
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

async function online(user: string): Promise<Device> {
  const device = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  devices.push(device);
  await device.connect();
  return device;
}

const get = async (user: string, other: string): Promise<Relation> =>
  (await world.call<{ relation: Relation }>(user, "relation.get", { user: other })).relation;

/** Writes to the graph as a process does that ends right afterwards. */
async function leave(user: string, act: Parameters<typeof applied>[2], other: string): Promise<void> {
  const [before = newPair(user, other)] = await graph.pairs([newPair(user, other)]);
  const pair = applied(before, user, act, Date.now()) as Pair;
  await relationsChange(hot);
  expect(await graph.write([{ pair, from: before.version }])).toEqual([true]);
}

/** Runs the command as an operator would, beside the server. */
async function rebuild(): Promise<string> {
  const env = { ...process.env, DATA_DIR: world.dir };
  return (await promisify(execFile)(process.execPath, ["services/relations.ts", "rebuild"], { cwd: root, env })).stdout;
}

test("a change left between the graph and the facts is settled by itself: facts, events, the single, the feed", async () => {
  const [ann, bob] = [await online("ann"), await online("bob")];
  const { conversation: single } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "bob" });
  const { conversation: feed } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" });
  await leave("bob", "follow", "ann");
  expect(await get("bob", "ann")).toEqual({ ...nothing, user: "ann", feed: feed.id });
  expect(await told(bob, "ann", 1)).toMatchObject({ following: true, feed: feed.id });
  expect(await told(ann, "bob", 1)).toMatchObject({ followed: true });
  expect(await get("bob", "ann")).toMatchObject({ following: true });
  await leave("ann", "block", "bob");
  await ann.send(single.id, "the block is not known yet");
  expect(await told(bob, "ann", 2)).toMatchObject({ following: false });
  const isMember = () => hot.redis.hexists(keys.head(feed.id), "@bob");
  await until(
    async () => (await isMember()) === 0,
    20_000,
    () => "bob out of the feed",
  );
  await expect(bob.send(single.id, "no")).rejects.toMatchObject({ code: 103 });
  await until(
    async () => (await graph.unsettled(Date.now() + 1_000, 10)).length === 0,
    20_000,
    () => "no note left in the graph",
  );
  expect(await metric(world.http(), "tributary_relation_healed_total")).toBeGreaterThanOrEqual(2);
});

test("all facts are rebuilt from the graph by one command while people go on, and what the graph does not know goes", async () => {
  const [cyd] = [await online("cyd")];
  for (const user of ["r1", "r2", "r3"]) await world.call(user, "relation.follow", { user: "cyd" });
  await world.call("cyd", "relation.add", { user: "r1", alias: "Number One" });
  await world.call("r2", "relation.block", { user: "cyd" });
  const people = ["cyd", "r1", "r2", "r3", "stray"];
  const seen = async () => Promise.all(people.flatMap((user) => people.filter((other) => other !== user).map((other) => get(user, other))));
  const before = await seen();
  const events = cyd.events.length;

  for await (const user of factHolders(hot)) if (people.includes(user)) await hot.redis.del(keys.facts(user));
  await hot.redis.hset(keys.facts("stray"), { cyd: "9 fa" });
  await hot.redis.hset(keys.facts("r3"), { cyd: "99 b" });
  expect(await seen()).not.toEqual(before);
  let going = true;
  const traffic = (async () => {
    for (let i = 0; going; i++) await world.call("busy", i % 2 === 0 ? "relation.follow" : "relation.unfollow", { user: "cyd" });
  })();
  expect(await rebuild()).toMatch(/^the facts are what the graph says: .* pairs looked at, [1-9]\d* mended, .* in [\d.]+ s$/m);
  going = false;
  await traffic;
  expect(await seen()).toEqual(before);
  const { relation } = await world.call<{ relation: Relation }>("busy", "relation.follow", { user: "cyd" });
  expect(await get("busy", "cyd")).toEqual(relation);
  expect(cyd.events.slice(events).map(({ data }) => (data["relation"] as Relation).user)).toEqual(
    expect.not.arrayContaining(["r1", "r2", "r3", "stray"]),
  );
  expect(await rebuild()).toMatch(/ 0 mended, 0 left/);
});

test("the command says what to do where it cannot work", async () => {
  const run = (args: string[], env: Record<string, string>) =>
    promisify(execFile)(process.execPath, ["services/relations.ts", ...args], { cwd: root, env: { ...process.env, ...env } });
  await expect(run([], {})).rejects.toMatchObject({ stderr: "relations: there is one thing to do: npm run relations -- rebuild\n" });
  await expect(run(["rebuild"], { DATA_DIR: join(world.dir, "nowhere") })).rejects.toMatchObject({
    stderr: expect.stringMatching(/^relations: no server has run in .*nowhere; start one, or set REDIS_URL/),
  });
});
