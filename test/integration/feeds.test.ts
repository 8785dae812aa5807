import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Conversation, Message } from "#shared/wire/values.ts";
import { relate } from "#test/support/relating.ts";
import { createDevice, group, hears, range, seqsOf, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
beforeAll(async () => void (world = await startWorld({ FANOUT_WRITE_MAX: "5", FANOUT_WRITE_BUDGET: "20" })));
afterAll(async () => {
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

async function online(user: string): Promise<Device> {
  const device = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  await device.connect();
  return device;
}

const openFeed = async (author: Device): Promise<string> =>
  (await author.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" })).conversation.id;

const feedAs = async (user: string, conversationId: string): Promise<Conversation> =>
  (await world.call<{ conversation: Conversation }>(user, "conversation.get", { conversationId })).conversation;

interface Item {
  source: string;
  key: string;
  message: Message;
}

async function timeline(user: string, params: object = {}): Promise<Item[][]> {
  const pages: Item[][] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Item[]; cursor: string | null } = await world.call(user, "timeline.read", { limit: 7, ...params, cursor });
    pages.push(page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return pages;
}

/** Seqs of a feed's posts in a user's timeline, oldest first. */
const timelineOf = async (user: string, id: string): Promise<number[]> =>
  (await timeline(user))
    .flat()
    .flatMap(({ message }) => (message.conversationId === id ? [message.seq] : []))
    .toReversed();

const historyOf = async (user: string, conversationId: string): Promise<number[]> =>
  seqsOf((await world.call<{ messages: Message[] }>(user, "message.history", { conversationId, limit: 200 })).messages);

const follow = (user: string, author: string) => world.call(user, "relation.follow", { user: author });
const unfollow = (user: string, author: string) => world.call(user, "relation.unfollow", { user: author });
const crowd = (author: string, count: number) => range(1, count).map((i) => `${author}-fan${i}`);

/** Waits until a device has got what was posted elsewhere after all else, so that nothing more is on its way. */
async function marked(author: Device, reader: Device): Promise<void> {
  const marker = await group(author, "Marker", [reader.user]);
  await author.send(marker.id, "after all else");
  await hears(reader, marker.id, 1);
}

test("a follower sees the past in history and from now on in the timeline, in both modes", async () => {
  const author = await online("ann");
  const id = await openFeed(author);
  const big = crowd("ann", 5);
  for (const mode of ["write", "read"]) {
    if (mode === "read") await Promise.all(big.map((user) => follow(user, "ann")));
    expect((await feedAs("ann", id)).mode).toBe(mode);
    const before = (await author.send(id, "before")).seq;
    const reader = `new-in-${mode}`;
    await follow(reader, "ann");
    const after = [await author.send(id, "one"), await author.send(id, "two")].map(({ seq }) => seq);
    expect(await timelineOf(reader, id)).toEqual(after);
    expect(await historyOf(reader, id)).toEqual(await historyOf("ann", id));
    expect(await historyOf(reader, id)).toContain(before);
    await expect(world.call(reader, "message.send", { conversationId: id, clientMsgId: "no", kind: "text", body: { text: "no" } }))
      .rejects //
      .toMatchObject({ cause: { code: 103 } });
  }
});

test("followers of a small feed get posts pushed, of a big one they read them, and nobody has a channel of it", async () => {
  const [author, fan] = [await online("bea"), await online("bea-fan0")];
  const id = await openFeed(author);
  await relate(fan, "follow", "bea");
  const pushed = (await author.send(id, "pushed")).seq;
  await hears(fan, id, pushed);
  await Promise.all(crowd("bea", 5).map((user) => follow(user, "bea")));
  const { mode, seq: switched } = await feedAs("bea", id);
  expect({ mode, switched }).toEqual({ mode: "read", switched: pushed + 1 });
  const read = (await author.send(id, "read on demand")).seq;
  await marked(author, fan);
  for (const device of [author, fan]) {
    expect(seqsOf(device.heard(id))).toEqual([pushed, switched]);
    expect(device.heard(id).map(({ channel }) => channel)).toEqual([`inbox:${device.user}`, `inbox:${device.user}`]);
    expect(device.subscribed.map(({ channel }) => channel)).not.toContain(`conversation:${id}`);
    expect(await timelineOf(device.user, id)).toEqual([pushed, read]);
    await expect(device.client.history(`conversation:${id}`, { limit: 10 })).rejects.toMatchObject({ code: 102 });
  }
});

test("who was away while a feed grew and shrank has every post once in the timeline, and by push what was copied", async () => {
  const [author, fan, quiet] = [await online("cyd"), await online("cyd-fan0"), await online("cyd-gone")];
  const id = await openFeed(author);
  for (const one of [fan, quiet]) await relate(one, "follow", "cyd");
  await author.send(id, "first");
  await Promise.all([hears(fan, id, 1), hears(quiet, id, 1)]);
  for (const one of [fan, quiet]) one.away();
  const positions = { ...quiet.positions };
  const others = crowd("cyd", 4);
  await Promise.all(others.map((user) => follow(user, "cyd")));
  await author.send(id, "in read mode");
  await unfollow("cyd-gone", "cyd");
  await Promise.all(others.slice(0, 3).map((user) => unfollow(user, "cyd")));
  expect((await feedAs("cyd", id)).mode).toBe("write");
  const last = (await author.send(id, "in write mode again")).seq;
  expect(last).toBe(5);
  await fan.connect();
  await hears(fan, id, last);
  expect(seqsOf(fan.heard(id))).toEqual([1, 2, last]);
  expect(fan.subscribed.filter(({ wasRecovering }) => wasRecovering).every(({ recovered }) => recovered)).toBe(true);
  expect(await timelineOf("cyd-fan0", id)).toEqual([1, 3, last]);
  const synced = await world.call<{ publications: { channel: string; data: { type: string } }[]; lost: string[] }>(
    "cyd-gone",
    "timeline.sync",
    {
      positions,
    },
  );
  expect(synced.lost).toEqual([]);
  expect(new Set(synced.publications.map(({ channel }) => channel))).toEqual(new Set(["inbox:cyd-gone"]));
  expect(await timelineOf("cyd-gone", id)).toEqual([1, 3]);
  await quiet.connect();
  await marked(author, quiet);
  expect(quiet.subscribed.map(({ channel }) => channel)).not.toContain(`conversation:${id}`);
});

test("following, unfollowing and following again while a busy feed crosses the limit both ways leaves every timeline exact", async () => {
  const [author, faithful] = [await online("dan"), await online("dan-fan0")];
  const id = await openFeed(author);
  await relate(faithful, "follow", "dan");
  const movers = crowd("dan", 6);
  let over = false;
  const posting = (async () => {
    const posted: number[] = [];
    while (!over) posted.push((await author.send(id, `post ${posted.length}`)).seq);
    return posted;
  })();
  /** Seqs between which each stay surely lies: from the head before the call to the head after it. */
  const stays = new Map(movers.map((user) => [user, [] as { from: [number, number]; to: [number, number] }[]]));
  const head = async () => (await feedAs("dan", id)).seq;
  const moving = async (user: string) => {
    for (let round = 0; round < 4; round++) {
      const began = await head();
      await follow(user, "dan");
      const followed = await head();
      const leaving = await head();
      await unfollow(user, "dan");
      stays.get(user)?.push({ from: [began, followed], to: [leaving, await head()] });
    }
    await follow(user, "dan");
    stays.get(user)?.push({ from: [0, await head()], to: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] });
  };
  await Promise.all(movers.map(moving));
  over = true;
  const posted = await posting;
  const { messages } = await world.call<{ messages: Message[] }>("dan", "message.history", { conversationId: id, limit: 200 });
  expect(seqsOf(messages)).toEqual(posted.slice(-200));
  expect(await timelineOf("dan-fan0", id)).toEqual(posted.filter((seq) => seq > 0));
  for (const user of movers) {
    const given = await timelineOf(user, id);
    expect(given).toEqual([...new Set(given)].toSorted((a, b) => a - b));
    const surely = posted.filter((seq) =>
      stays
        .get(user)
        ?.slice(0, -1)
        .some(({ from, to }) => from[1] < seq && seq <= to[0]),
    );
    const maybe = posted.filter((seq) => stays.get(user)?.some(({ from, to }) => from[0] < seq && seq <= to[1]));
    expect(surely.filter((seq) => !given.includes(seq))).toEqual([]);
    expect(given.filter((seq) => !maybe.includes(seq))).toEqual([]);
  }
  const { mode, members } = await feedAs("dan", id);
  expect({ mode, members }).toEqual({ mode: "read", members: 8 });
}, 60_000);

test("a feed that posts more than its budget goes to read mode by traffic", async () => {
  const [author, fan] = [await online("eve"), await online("eve-fan0")];
  const id = await openFeed(author);
  await Promise.all(["eve-fan0", ...crowd("eve", 3)].map((user) => follow(user, "eve")));
  let sent = 0;
  await until(
    async () => {
      await Promise.all(range(1, 10).map(() => author.send(id, `${++sent}`)));
      return (await feedAs("eve", id)).mode === "read";
    },
    30_000,
    () => `the switch, after ${sent} posts`,
  );
  await author.send(id, "after it");
  await marked(author, fan);
  expect(fan.heard(id).at(-1)?.type).toBe("mode");
  expect(await timelineOf("eve-fan0", id)).toEqual(await historyOf("eve", id));
}, 60_000);

test("feeds are in no total, and what is unread of one is told to who reads it", async () => {
  const [author, fan, second] = [await online("fay"), await online("fay-fan0"), await online("fay-fan0")];
  const id = await openFeed(author);
  await relate(fan, "follow", "fay");
  for (const text of ["one", "two", "three"]) await author.send(id, text);
  await hears(second, id, 3);
  expect(await fan.rpc("unread.get", {})).toEqual({ total: 0, conversations: {} });
  expect((await feedAs("fay-fan0", id)).my?.unread).toBe(3);
  expect(await fan.rpc("message.read", { conversationId: id, seq: 1 })).toEqual({ readSeq: 1, unread: 2, total: 0 });
  const told = () => second.events.map(({ data }) => data).find(({ type }) => type === "read");
  await until(
    () => told() !== undefined,
    10_000,
    () => "the other device is not told what was read",
  );
  expect(told()).toEqual({ type: "read", conversationId: id, readSeq: 1, count: 1, unread: 2, total: 0 });
});

describe("recommendations", () => {
  /** gus follows hal, who follows ida, joy and kim; all of them post in turn. */
  async function ring(): Promise<void> {
    const authors = await Promise.all(["hal", "ida", "joy", "kim"].map(online));
    const feeds = new Map<string, string>();
    for (const author of authors) feeds.set(author.user, await openFeed(author));
    for (const far of ["ida", "joy", "kim"]) await follow("hal", far);
    await follow("gus", "hal");
    for (let round = 0; round < 15; round++) for (const author of authors) await author.send(feeds.get(author.user) ?? "", `post ${round}`);
  }
  beforeAll(ring);
  const authorsIn = (items: readonly Item[]) => new Set(items.map(({ message }) => message.from));
  const recommendedIn = (items: readonly Item[]) => items.filter(({ source }) => source === "recommended");

  test("come from the second ring, one in five, none twice, beside all of one's own", async () => {
    const pages = await timeline("gus", { limit: 10, recommended: true });
    const items = pages.flat();
    expect(recommendedIn(items).length).toBeGreaterThanOrEqual(2);
    for (const author of authorsIn(recommendedIn(items))) expect(["ida", "joy", "kim"]).toContain(author);
    for (const page of pages) {
      expect(recommendedIn(page).length * 5).toBeLessThanOrEqual(page.length);
      expect(page.length).toBeLessThanOrEqual(10);
    }
    expect(new Set(items.map(({ message }) => message.id)).size).toBe(items.length);
    expect(items.map(({ key }) => BigInt(key))).toEqual(items.map(({ key }) => BigInt(key)).toSorted((a, b) => (a < b ? 1 : -1)));
    expect(items.filter(({ source }) => source !== "recommended").map(({ message }) => message.seq)).toEqual(range(1, 15).toReversed());
    expect(recommendedIn((await timeline("gus")).flat())).toEqual([]);
  });

  test("end at once for who is followed or blocked, or blocks, by now", async () => {
    await follow("gus", "ida");
    await world.call("gus", "relation.block", { user: "joy" });
    await world.call("kim", "relation.block", { user: "gus" });
    expect(recommendedIn((await timeline("gus", { recommended: true })).flat())).toEqual([]);
    await world.call("kim", "relation.unblock", { user: "gus" });
    expect(authorsIn(recommendedIn((await timeline("gus", { recommended: true })).flat()))).toEqual(new Set(["kim"]));
  });
});
