import { afterAll, beforeAll, expect, test } from "vitest";
import { createColdClient } from "#shared/cold/client.ts";
import { keys } from "#shared/hot/keys.ts";
import { openHot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import type { Conversation, Message, Positions } from "#shared/wire/values.ts";
import { metric } from "#test/support/metrics.ts";
import { nothing, relate, told } from "#test/support/relating.ts";
import { createDevice, group, hears, range, seqsOf, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
beforeAll(async () => void (world = await startWorld()));
afterAll(async () => {
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

async function online(user: string): Promise<Device> {
  const device = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  await device.connect();
  return device;
}

const openFeed = async (author: Device): Promise<Conversation> =>
  (await author.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" })).conversation;

test("who follows gets the author's posts from then on, and no more after unfollowing", async () => {
  const [ann, bob] = [await online("ann"), await online("bob")];
  const feed = await openFeed(ann);
  await ann.send(feed.id, "before");
  expect(await relate(bob, "follow", "ann")).toEqual({ ...nothing, user: "ann", following: true, feed: feed.id });
  expect(await told(ann, "bob", 1)).toEqual({ ...nothing, user: "bob", followed: true });
  await ann.send(feed.id, "meanwhile");
  await hears(bob, feed.id, 2);
  await relate(bob, "unfollow", "ann");
  await ann.send(feed.id, "after");
  const marker = await group(ann, "Marker", ["bob"]);
  await ann.send(marker.id, "after it");
  await hears(bob, marker.id, 1);
  expect(seqsOf(bob.heard(feed.id))).toEqual([2]);
  const { items } = await bob.rpc<{ items: { message: Message }[] }>("timeline.read", {});
  expect(items.filter(({ message }) => message.conversationId === feed.id).map(({ message }) => message.seq)).toEqual([2]);
});

test("joining and leaving a feed is following and unfollowing its author", async () => {
  const [cyd, dan] = [await online("cyd"), await online("dan")];
  const feed = await openFeed(cyd);
  const { conversation } = await dan.rpc<{ conversation: Conversation }>("conversation.join", { conversationId: feed.id });
  expect(conversation.members).toBe(2);
  expect(await relate(dan, "get", "cyd")).toMatchObject({ following: true, feed: feed.id });
  await dan.rpc("conversation.leave", { conversationId: feed.id });
  expect(await relate(dan, "get", "cyd")).toMatchObject({ following: false });
  await expect(dan.rpc("conversation.leave", { conversationId: feed.id })).rejects.toMatchObject({ code: 103 });
  await relate(cyd, "block", "dan");
  await expect(dan.rpc("conversation.join", { conversationId: feed.id })).rejects.toMatchObject({ code: 103 });
});

test("who followed before there was a feed is in it when it is created, page after page", async () => {
  const author = await online("author");
  const early = range(1, 450).map((i) => `early${i}`);
  await Promise.all(early.map((user) => world.call(user, "relation.follow", { user: "author" })));
  await world.call("early7", "relation.unfollow", { user: "author" });
  const feed = await openFeed(author);
  const members = async () =>
    (await author.rpc<{ conversation: Conversation }>("conversation.get", { conversationId: feed.id })).conversation.members;
  let now = 0;
  await until(
    async () => (now = await members()) === early.length,
    20_000,
    () => `${early.length} members with the author, there are ${now}`,
  );
  expect((await openFeed(author)).id).toBe(feed.id);
  expect(await metric(world.http(), "tributary_relation_filled_total")).toBe(early.length - 1);
  const follower = await online("early450");
  await author.send(feed.id, "to all of you");
  await hears(follower, feed.id, 1);
  await expect(world.call("early7", "message.history", { conversationId: feed.id })).rejects.toMatchObject({ cause: { code: 103 } });
});

test("following and unfollowing from many devices at once ends as the last word says", async () => {
  const author = await online("busy");
  const feed = await openFeed(author);
  for (let round = 0; round < 10; round++) {
    await Promise.all(range(1, 12).map((i) => world.call("wavering", `relation.${i % 2 === 0 ? "follow" : "unfollow"}`, { user: "busy" })));
    const [{ relation }, { conversation }] = [
      await world.call<{ relation: { following: boolean } }>("wavering", "relation.get", { user: "busy" }),
      await author.rpc<{ conversation: Conversation }>("conversation.get", { conversationId: feed.id }),
    ];
    expect(conversation.members).toBe(relation.following ? 2 : 1);
  }
});

test("events of relations are missed by nobody: not on reconnect, not by sync, not when they have left the hot tier", async () => {
  const gone = await online("gone");
  const start: Positions = { "inbox:gone": { epoch: "", offset: 0 } };
  await world.call("kim", "relation.request", { user: "gone", note: "first" });
  await told(gone, "kim", 1);
  gone.away();
  await world.call("lee", "relation.follow", { user: "gone" });
  await world.call("kim", "relation.add", { user: "gone" });
  await gone.connect();
  expect(await told(gone, "lee", 1)).toEqual({ ...nothing, user: "lee", followed: true });
  const all = async () =>
    (await gone.rpc<{ publications: { offset: number; data: object }[] }>("timeline.sync", { positions: start })).publications;
  const hot = await all();
  expect(hot.map(({ offset, data }) => [offset, data])).toMatchObject([
    [1, { type: "relation", relation: { user: "kim", request: "in", note: "first" } }],
    [2, { type: "relation", relation: { user: "lee", followed: true } }],
  ]);
  await using stack = new AsyncDisposableStack();
  const { clickhouse } = stack.use(createColdClient({ url: world.endpoints().clickhouseUrl, password: "", user: "default" }));
  const archived = async (query: string) => (await (await clickhouse.query({ query, format: "TabSeparated" })).text()).trimEnd();
  await until(
    async () => (await archived("SELECT count() FROM tributary.inbox WHERE user = 'gone' AND type = 'relation'")) === "2",
    10_000,
    () => "two events in the archive",
  );
  const tier = stack.use(await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" })));
  expect(await tier.run("trim-inbox", [keys.user("gone"), keys.inbox("gone")], [2, 0])).toBe(2);
  expect(await all()).toEqual(hot);
  await until(
    async () => (await archived("SELECT count() FROM tributary.relations WHERE other = 'gone'")) === "3",
    10_000,
    () => "three changes in the archive",
  );
  expect(await archived("SELECT user, note, change FROM tributary.relations WHERE other = 'gone' ORDER BY at")).toBe(
    ["kim\tfirst\trequested", "lee\t\tfollowed", "kim\t\tadded"].join("\n"),
  );
});
