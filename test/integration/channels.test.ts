import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Conversation } from "#shared/wire/values.ts";
import { createDevice, dataOf, group, hears, range, seqsOf, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
let ann: Device;
let bob: Device;

async function online(user: string): Promise<Device> {
  const made = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  await made.connect();
  return made;
}

beforeAll(async () => {
  world = await startWorld({ FANOUT_WRITE_MAX: "5", FANOUT_WRITE_BUDGET: "4" });
  [ann, bob] = await Promise.all([online("ann"), online("bob")]);
});

afterAll(async () => {
  for (const one of [ann, bob]) one[Symbol.dispose]();
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

interface List {
  conversations: Conversation[];
  total: number;
}

describe("a feed", () => {
  test("is followed by joining it, posted in by its owner only, and listed to its owner only", async () => {
    const { conversation: feed } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed", title: "Ann" });
    expect(feed).toMatchObject({ kind: "feed", owner: "ann", members: 1, history: "all" });
    const again = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" });
    expect(again.conversation.id).toBe(feed.id);
    expect(await bob.rpc("conversation.join", { conversationId: feed.id })).toMatchObject({
      conversation: { id: feed.id, members: 2, seq: 0 },
    });
    const { seq } = await ann.send(feed.id, "a post");
    expect(seq).toBe(1);
    await hears(bob, feed.id, 1);
    await expect(bob.send(feed.id, "an answer")).rejects.toMatchObject({ code: 103 });
    const [mine, theirs] = await Promise.all([ann.rpc<List>("conversation.list", {}), bob.rpc<List>("conversation.list", {})]);
    expect(mine.conversations.map(({ id }) => id)).toContain(feed.id);
    expect(theirs.conversations.map(({ id }) => id)).not.toContain(feed.id);
    expect(theirs.total).toBe(0);
    expect(await bob.rpc("unread.get", {})).toEqual({ total: 0, conversations: {} });
    const { members } = await bob.rpc<{ members: object[] }>("conversation.members", { conversationId: feed.id });
    expect(members).toMatchObject([{ user: "ann", role: "owner" }]);
    await bob.rpc("conversation.leave", { conversationId: feed.id });
    await ann.send(feed.id, "another post");
    const marker = await group(ann, "Marker", ["bob"]);
    await ann.send(marker.id, "after it");
    await hears(bob, marker.id, 1);
    expect(seqsOf(bob.heard(feed.id))).toEqual([1]);
  });

  test("cannot be added to, removed from, or have its rules changed", async () => {
    const { conversation: feed } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" });
    const of = { conversationId: feed.id };
    await expect(ann.rpc("conversation.add", { ...of, users: ["bob"] })).rejects.toMatchObject({ code: 107 });
    await expect(ann.rpc("conversation.remove", { ...of, users: ["bob"] })).rejects.toMatchObject({ code: 107 });
    await expect(ann.rpc("conversation.update", { ...of, join: "invite" })).rejects.toMatchObject({ code: 107 });
  });
});

describe("the history command", () => {
  let room: Conversation;
  let channel: string;

  beforeAll(async () => {
    room = await group(
      ann,
      "Room",
      range(1, 6)
        .map((i) => `r${i}`)
        .concat("bob"),
    );
    channel = `conversation:${room.id}`;
    expect(room.mode).toBe("read");
    await hears(bob, room.id, 0);
    for (const i of range(1, 30)) await ann.send(room.id, `${i}`);
    await hears(ann, room.id, 30);
  });

  const offsets = ({ publications }: { publications: { offset?: number }[] }) => publications.map(({ offset }) => offset);

  test("gives the position alone without a limit", async () => {
    const { publications, epoch, offset } = await ann.client.history(channel, { limit: 0 });
    expect({ publications, offset }).toEqual({ publications: [], offset: 30 });
    expect(epoch).toMatch(/^[A-Za-z0-9]{4,16}$/);
  });

  test("gives what is after a position, before it in reverse, and all with -1", async () => {
    const { epoch } = await ann.client.history(channel, { limit: 0 });
    const since = { epoch, offset: 10 };
    expect(offsets(await ann.client.history(channel, { limit: 5, since }))).toEqual(range(11, 15));
    expect(offsets(await ann.client.history(channel, { limit: 5, since, reverse: true }))).toEqual([9, 8, 7, 6, 5]);
    expect(offsets(await ann.client.history(channel, { limit: 3, reverse: true }))).toEqual([30, 29, 28]);
    expect(offsets(await ann.client.history(channel, { limit: -1 }))).toEqual(range(1, 30));
    expect(offsets(await ann.client.history(channel, { limit: 5, since: { epoch, offset: 30 } }))).toEqual([]);
  });

  test("answers 112 for a position of another epoch, on a conversation and on an inbox", async () => {
    const since = { epoch: "other", offset: 3 };
    await expect(ann.client.history(channel, { limit: 5, since })).rejects.toMatchObject({ code: 112 });
    await expect(ann.client.history("inbox:ann", { limit: 5, since })).rejects.toMatchObject({ code: 112 });
  });

  test("gives an inbox from its first to its last offset", async () => {
    const { publications, offset } = await bob.client.history("inbox:bob", { limit: -1 });
    expect(offsets({ publications })).toEqual(range(1, offset));
    expect(bob.positions["inbox:bob"]?.offset).toBe(offset);
  });

  test("answers 103 for what one is not in", async () => {
    using eve = await online("eve");
    await expect(eve.client.history(channel, { limit: 1 })).rejects.toMatchObject({ code: 103 });
    await expect(eve.client.history("conversation:999999", { limit: 1 })).rejects.toMatchObject({ code: 103 });
    await expect(eve.client.presence(channel)).rejects.toMatchObject({ code: 103 });
  });

  test("presence and its counts name the connections on a channel", async () => {
    using second = await online("ann");
    expect(await ann.client.presenceStats("live:ann")).toEqual({ numClients: 2, numUsers: 1 });
    await until(
      async () => (await ann.client.presenceStats(channel)).numClients === 3,
      20_000,
      () => "three connections in the room",
    );
    const { clients } = await second.client.presence(channel);
    expect(
      Object.values(clients)
        .map(({ user }) => user)
        .toSorted(),
    ).toEqual(["ann", "ann", "bob"]);
  });
});

test("a small group that costs more than its budget goes to read mode by traffic, and every entry arrives once and in order", async () => {
  const busy = await group(ann, "Busy", ["bob", "cid", "dan"]);
  expect(busy.mode).toBe("write");
  let sent = 0;
  await until(
    async () => {
      await Promise.all(range(1, 5).map((i) => (i % 2 === 0 ? ann : bob).send(busy.id, `${++sent}`)));
      return bob.heard(busy.id).some(({ type }) => type === "mode");
    },
    30_000,
    () => `the switch, after ${sent} messages`,
  );
  const { seq } = await ann.send(busy.id, "after");
  await Promise.all([hears(ann, busy.id, seq), hears(bob, busy.id, seq)]);
  for (const device of [ann, bob]) {
    const heard = device.heard(busy.id);
    expect(seqsOf(heard)).toEqual(range(1, seq));
    const at = heard.findIndex(({ type }) => type === "mode");
    expect(heard.map(({ channel }) => channel)).toEqual(
      heard.map((_, i) => (i <= at ? `inbox:${device.user}` : `conversation:${busy.id}`)),
    );
  }
  const { conversation } = await bob.rpc<{ conversation: Conversation }>("conversation.get", { conversationId: busy.id });
  expect(conversation.mode).toBe("read");
  const { publications } = await bob.client.history("inbox:bob", { limit: 50, reverse: true });
  const mode = publications.map(({ data }) => dataOf(data) as { type: string; reason?: string }).find(({ type }) => type === "mode");
  expect(mode).toMatchObject({ type: "mode", mode: "read", reason: "traffic", conversationId: busy.id });
});
