import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testSecret, tokenOf } from "#services/gateway/testing.ts";
import { type Deployment, type Place, startDeployment } from "#test/support/deployment.ts";
import { createDevice, type Device, group, hears, range, seqsOf } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";

/** Gateways that a room's entries go to are those with readers of it. */
let deployment: Deployment;
beforeAll(async () => {
  deployment = await startDeployment({ FANOUT_WRITE_MAX: "2", FANOUT_WRITE_BUDGET: "0", JWT_SECRET: testSecret });
  await deployment.restart("gateway 2");
});
afterAll(() => deployment?.[Symbol.asyncDispose]());

async function at(place: Place, user: string): Promise<Device> {
  const device = createDevice({ socket: deployment.socket(place), user, token: () => Promise.resolve(tokenOf(user)) });
  await device.connect();
  return device;
}

/** Nodes that are told of what a room gets. */
async function followers(conversationId: string): Promise<number> {
  let sum = 0;
  for (const { url } of deployment.redis.nodes) {
    const redis = new Redis(url);
    const [, many] = (await redis.pubsub("NUMSUB", `room:${conversationId}`)) as [string, number];
    sum += Number(many);
    redis.disconnect();
  }
  return sum;
}

const followedBy = (conversationId: string, nodes: number): Promise<void> =>
  until(
    async () => (await followers(conversationId)) === nodes,
    10_000,
    () => `${nodes} gateways that follow the room`,
  );

test("what a room gets is carried to the gateways that have readers of it, and to no other", async () => {
  using ann = await at("gateway", "ann");
  using eve = await at("gateway 2", "eve");
  const { id } = await group(ann, "Three", ["bob", "cid"]);
  await ann.send(id, "1");
  await hears(ann, id, 1);
  expect(await followers(id)).toBe(1);
  using bob = await at("gateway 2", "bob");
  await followedBy(id, 2);
  await ann.send(id, "2");
  await Promise.all([ann, bob].map((device) => hears(device, id, 2)));
  expect(seqsOf(bob.heard(id))).toEqual([2]);
  expect(eve.heard(id)).toEqual([]);
});

test("readers who come to a gateway that has none yet miss nothing of what is said meanwhile", async () => {
  using ann = await at("gateway", "ann");
  for (const round of range(1, 15)) {
    const { id } = await group(ann, `Round ${round}`, ["bob", "cid"]);
    const talking = (async () => {
      for (const n of range(1, 40)) await ann.send(id, String(n));
    })();
    using bob = await at("gateway 2", "bob");
    using cid = await at("gateway 2", "cid");
    await talking;
    for (const reader of [bob, cid]) {
      const from = reader.subscribed.find(({ channel }) => channel === `conversation:${id}`)?.offset ?? 0;
      await hears(reader, id, 40);
      expect(seqsOf(reader.heard(id))).toEqual(range(from + 1, 40));
    }
  }
});

test("a group that goes to read mode is followed where its readers are", async () => {
  using ann = await at("gateway", "ann");
  using bob = await at("gateway 2", "bob");
  const { id } = await group(ann, "Two", ["bob"]);
  await ann.send(id, "1");
  expect(await followers(id)).toBe(0);
  await ann.rpc("conversation.add", { conversationId: id, users: ["cid"] });
  await followedBy(id, 2);
  await ann.send(id, "4");
  for (const reader of [ann, bob]) {
    await hears(reader, id, 4);
    expect(seqsOf(reader.heard(id))).toEqual(range(1, 4));
  }
});
