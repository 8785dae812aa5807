import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Conversation } from "#shared/wire/values.ts";
import { metric } from "#test/support/metrics.ts";
import { openRaw } from "#test/support/raw-client.ts";
import { createDevice, group, hears, range, seqsOf, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

/** 100,000 is what a group may have; fewer where a machine is slow. */
const MANY = Number(process.env["TEST_MEMBERS"] ?? 100_000);
const A_CALL = 1_000;

let world: World;
let ann: Device;

const device = (user: string, data?: object): Device =>
  createDevice({ socket: world.socket(), user, token: () => world.token(user), ...(data === undefined ? {} : { data }) });

async function online(user: string, data?: object): Promise<Device> {
  const made = device(user, data);
  await made.connect();
  return made;
}

beforeAll(async () => {
  world = await startWorld();
  ann = await online("ann");
});

afterAll(async () => {
  ann[Symbol.dispose]();
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const count = (name: string) => metric(world.http(), name);

interface Members {
  members: { user: string; role: string; joinedAt: number }[];
  cursor: string | null;
}

async function allMembers(conversationId: string): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | null = null; ;) {
    const page: Members = await ann.rpc("conversation.members", { conversationId, limit: 200, cursor });
    found.push(...page.members.map(({ user }) => user));
    if (page.cursor === null) return found;
    cursor = page.cursor;
  }
}

describe(`a group of ${MANY.toLocaleString("en")}`, () => {
  let room: Conversation;
  const users = Array.from({ length: MANY - 1 }, (_, i) => `member-${i}`);

  test("is filled by calls of a thousand", async () => {
    room = await group(ann, "Stadium", []);
    const started = performance.now();
    for (let at = 0; at < users.length; at += A_CALL) {
      const added = await ann.rpc<{ conversation: Conversation; skipped: string[] }>("conversation.add", {
        conversationId: room.id,
        users: users.slice(at, at + A_CALL),
      });
      expect(added.skipped).toEqual([]);
      room = added.conversation;
    }
    const seconds = (performance.now() - started) / 1_000;
    process.stdout.write(`${MANY} members in ${seconds.toFixed(1)} s\n`);
    expect(room).toMatchObject({ members: MANY, mode: "read" });
  });

  test("takes a message as one mailbox entry and no inbox write", async () => {
    const inboxes = await count("tributary_inbox_writes_total");
    const rooms = await count("tributary_room_entries_total");
    const { seq } = await ann.send(room.id, "hello, all");
    expect(seq).toBe(room.seq + 1);
    await hears(ann, room.id, seq);
    await until(
      async () => (await count("tributary_room_entries_total")) === rooms + 1,
      20_000,
      () => "the entry's count",
    );
    expect(await count("tributary_inbox_writes_total")).toBe(inboxes);
  });

  test("reaches a member who was never online before through the conversation's channel", async () => {
    using last = await online(users.at(-1) ?? "");
    expect(last.subscribed.map(({ channel }) => channel)).toContain(`conversation:${room.id}`);
    const { seq } = await last.send(room.id, "I am here");
    await hears(ann, room.id, seq);
    await hears(last, room.id, seq);
    expect(ann.heard(room.id).at(-1)).toMatchObject({ channel: `conversation:${room.id}`, text: "I am here" });
  });

  test("lists its members in pages, oldest first, each once", async () => {
    const found = await allMembers(room.id);
    expect(found).toHaveLength(MANY);
    expect(found).toEqual(["ann", ...users]);
  });

  test("is left and refilled without a trace in its numbers", async () => {
    const gone = users.slice(0, A_CALL);
    const before = await ann.rpc<{ conversation: Conversation }>("conversation.get", { conversationId: room.id });
    const removed = await ann.rpc<{ conversation: Conversation; skipped: string[] }>("conversation.remove", {
      conversationId: room.id,
      users: [...gone.slice(1), "nobody"],
    });
    expect(removed).toMatchObject({ skipped: ["nobody"], conversation: { members: MANY - A_CALL + 1, seq: before.conversation.seq + 1 } });
    const again = await ann.rpc<{ conversation: Conversation; skipped: string[] }>("conversation.add", {
      conversationId: room.id,
      users: gone,
    });
    expect(again).toMatchObject({ skipped: ["member-0"], conversation: { members: MANY, seq: before.conversation.seq + 2 } });
    await hears(ann, room.id, before.conversation.seq + 2);
    expect(seqsOf(ann.heard(room.id))).toEqual(range(1, before.conversation.seq + 2));
  });
});

test("a group is full at 100,000 members: one more is answered 106", { skip: MANY < 100_000 }, async () => {
  const { conversations } = await ann.rpc<{ conversations: Conversation[] }>("conversation.list", {});
  const full = conversations.find(({ members }) => members === 100_000);
  await expect(ann.rpc("conversation.add", { conversationId: full?.id, users: ["one-more"] })).rejects.toMatchObject({ code: 106 });
});

describe("a call with a requestId", () => {
  test("that creates, adds or leaves gives its first result again", async () => {
    const create = { kind: "group", title: "Once", members: ["bob"], requestId: "create-1" };
    const first = await ann.rpc<{ conversation: Conversation }>("conversation.create", create);
    const second = await ann.rpc<{ conversation: Conversation }>("conversation.create", { ...create, title: "Twice" });
    expect(second).toEqual(first);
    const conversationId = first.conversation.id;
    const add = { conversationId, users: ["cid"], requestId: "add-1" };
    const added = await ann.rpc("conversation.add", add);
    await ann.send(conversationId, "between");
    expect(await ann.rpc("conversation.add", add)).toEqual(added);
    const leave = { conversationId, requestId: "leave-1" };
    expect(await world.call("cid", "conversation.leave", leave)).toEqual({});
    expect(await world.call("cid", "conversation.leave", leave)).toEqual({});
    await expect(world.call("cid", "conversation.leave", { conversationId })).rejects.toThrow("103");
  });

  test("that is made at once by many gives all of them one conversation", async () => {
    const create = { kind: "group", title: "Race", members: [], requestId: "race-1" };
    const made = await Promise.all(
      range(1, 10).map(() => world.call<{ conversation: Conversation }>("ann", "conversation.create", create)),
    );
    expect(new Set(made.map(({ conversation }) => conversation.id)).size).toBe(1);
  });

  test("that was refused is not remembered", async () => {
    const { id } = await group(ann, "Closed", []);
    const join = { conversationId: id, requestId: "join-1" };
    await expect(world.call("dan", "conversation.join", join)).rejects.toThrow("103");
    await ann.rpc("conversation.update", { conversationId: id, join: "open" });
    expect(await world.call("dan", "conversation.join", join)).toMatchObject({ conversation: { members: 2 } });
  });
});

test("an eleventh connection of a user closes the oldest, and the ten others stay", async () => {
  const token = await world.token("eleven");
  const clients = [];
  for (let i = 0; i < 11; i++) clients.push(await openRaw(world.socket(), token));
  expect(await clients[0]?.closed).toMatchObject({ code: 4501 });
  expect(clients.map((client) => client.isOpen())).toEqual([false, ...range(1, 10).map(() => true)]);
  for (const client of clients) client[Symbol.dispose]();
});

test("a device in notify mode has only its live channel, is told once that something is new, and pulls it", async () => {
  using quiet = await online("quiet", { push: "notify" });
  expect(quiet.subscribed.map(({ channel }) => channel)).toEqual(["live:quiet"]);
  interface Synced {
    publications: { channel: string; data: { message?: { seq: number } } }[];
    positions: object;
    more: boolean;
  }
  const { positions } = await quiet.rpc<Synced>("timeline.sync", { positions: {} });
  const { id } = await group(ann, "Quiet", ["quiet"]);
  await Promise.all(range(1, 20).map((i) => ann.send(id, `${i}`)));
  const notified = () => quiet.events.filter(({ data }) => data["type"] === "notify");
  await until(
    () => notified().length > 0,
    20_000,
    () => "a notify",
  );
  const seqs: number[] = [];
  await until(
    async () => {
      seqs.length = 0;
      const { publications } = await quiet.rpc<Synced>("timeline.sync", { positions, limit: 200 });
      for (const { data } of publications) if (data.message !== undefined) seqs.push(data.message.seq);
      return seqs.length === 20;
    },
    20_000,
    () => `${seqs.length} of 20 messages`,
  );
  expect(seqs).toEqual(range(1, 20));
  expect(notified().length).toBeLessThanOrEqual(3);
  expect(quiet.heard(id)).toEqual([]);
});
