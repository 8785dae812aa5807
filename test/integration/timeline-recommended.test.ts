import { afterAll, beforeAll, expect, test } from "vitest";
import { createRecommended } from "#services/timeline/sources/recommended.ts";
import { timelineRead } from "#services/timeline/read.ts";
import { keys } from "#shared/hot/keys.ts";
import { createLogger } from "#shared/run/logger.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { jsonOf } from "#shared/wire/json.ts";
import { createTraffic, type Known, type Traffic } from "./timeline-traffic.ts";
import { expected, expectOrdered, named, namesOf, walk, type Page } from "./timeline-walk.ts";
import { openTiers, type Tiers } from "./timeline-world.ts";

let tiers: Tiers;
let traffic: Traffic;
let free = 0;
beforeAll(async () => {
  tiers = await openTiers();
  traffic = createTraffic(tiers.hot);
});
afterAll(async () => await tiers[Symbol.asyncDispose]());

const logger = createLogger("silent", { role: "test" });

/** A feed that its owner is known to have. */
async function feedOf(owner: string): Promise<Known> {
  const feed = await traffic.create(String(700_000 + ++free), [owner], { kind: "f", all: true });
  await tiers.hot.redis.set(keys.feed(owner), feed.id);
  return feed;
}

async function posts(feed: Known, count: number, kind = "text"): Promise<void> {
  for (let i = 0; i < count; i++) await traffic.send(feed, feed.stays.keys().next().value ?? "", kind);
  await traffic.deliverAll([feed]);
}

/** `timeline.read` with these authors as the user's second ring. */
function reading(user: string, authors: string[], secondRing = () => Promise.resolve(authors)) {
  const source = createRecommended({ hot: tiers.hot, secondRing, logger });
  const handler = timelineRead(tiers.readers(), [source]);
  return async (params: object): Promise<Page> =>
    JSON.parse(jsonOf(await handler({ recommended: true, ...params } as never, { user, session: null }))) as Page;
}

const ofOthers = (items: Page["items"]) => items.filter(({ source }) => source === "recommended");
const ofOwn = (items: Page["items"]) => items.filter(({ source }) => source !== "recommended");

/** A reader who follows one author, and authors further off; what each posts comes in turn. */
async function scene(others: number, rounds: number) {
  const number = ++free;
  const [reader, near] = [`reader${number}`, `near${number}`];
  const far = Array.from({ length: others }, (_, i) => `far${number}-${i}`);
  const feed = await feedOf(near);
  const farFeeds: Known[] = [];
  for (const author of far) farFeeds.push(await feedOf(author));
  await traffic.follow(feed, reader, true);
  for (let i = 0; i < rounds; i++) for (const one of [feed, ...farFeeds]) await posts(one, 1);
  return { reader, near, far, feed, farFeeds };
}

test("recent posts of the second ring are mixed in where their time says, one in five, none twice, and one's own are all there", async () => {
  const { reader, far, feed, farFeeds } = await scene(3, 40);
  const read = reading(reader, far);
  for (const limit of [5, 7, 10, 50]) {
    const items = await walk(read, { limit });
    expect(namesOf(ofOwn(items)).toSorted()).toEqual(expected([feed], reader).toSorted());
    expectOrdered(items);
    expect(new Set(namesOf(items)).size).toBe(items.length);
    expect(ofOthers(items).length).toBeGreaterThanOrEqual(limit === 50 ? 5 : Math.floor(40 / limit) - 1);
    const feeds = new Set(farFeeds.map(({ id }) => id));
    for (const { message } of ofOthers(items)) expect(feeds).toContain(message.conversationId);
    const first = await read({ limit });
    expect(ofOthers(first.items).length * 5).toBeLessThanOrEqual(first.items.length);
  }
});

test("without being asked for none are mixed in", async () => {
  const { reader, far } = await scene(1, 8);
  const read = reading(reader, far);
  expect(ofOthers((await read({})).items)).toHaveLength(2);
  for (const recommended of [false, undefined]) expect(ofOthers((await read({ recommended })).items)).toEqual([]);
});

test("none is of oneself, of the followed, of the blocked, or of a stay that is over", async () => {
  const { reader, near, far, farFeeds } = await scene(5, 8);
  const [followed, left, blocked, blocking] = farFeeds as [Known, Known, Known, Known];
  await tiers.hot.redis.hset(keys.facts(reader), far[2] as string, "1 b");
  await tiers.hot.redis.hset(keys.facts(far[3] as string), reader, "1 b");
  const mine = await feedOf(reader);
  await posts(mine, 3);
  await traffic.follow(followed, reader, true);
  await traffic.follow(left, reader, true);
  await posts(left, 4);
  await traffic.follow(left, reader, false);
  const read = reading(reader, [reader, near, ...far]);
  const { items } = await read({});
  expect(new Set(namesOf(items)).size).toBe(items.length);
  expect(ofOthers(items).length).toBeGreaterThan(0);
  for (const { message } of ofOthers(items)) expect([followed.id, blocked.id, blocking.id, mine.id]).not.toContain(message.conversationId);
  const over = [9, 10, 11, 12].map((seq) => named(left.id, seq));
  expect(over.filter((name) => namesOf(ofOwn(items)).includes(name))).toEqual(over);
});

test("who comes to be followed on the way is recommended no more, and nothing comes twice", async () => {
  const { reader, far, feed, farFeeds } = await scene(1, 40);
  const [only] = farFeeds as [Known];
  const read = reading(reader, far);
  let pages = 0;
  const items = await walk(read, { limit: 10 }, async () => {
    if (++pages === 1) await traffic.follow(only, reader, true);
  });
  expect(ofOthers(items.slice(0, 10))).toHaveLength(2);
  expect(ofOthers(items.slice(10))).toEqual([]);
  expect(namesOf(ofOwn(items))).toEqual(expected([feed], reader).toReversed());
});

test("posts of a kind that is not wanted are not recommended", async () => {
  const { reader, near, far, feed, farFeeds } = await scene(1, 2);
  expect(near).not.toBe(far[0]);
  await posts(feed, 4, "image");
  await posts(farFeeds[0] as Known, 3, "image");
  await posts(farFeeds[0] as Known, 1, "text");
  const { items } = await reading(reader, far)({ kinds: ["image"] });
  expect(ofOthers(items)).toHaveLength(1);
  for (const { message } of items) expect(message.kind).toBe("image");
});

test("with the graph away the timeline comes without recommendations", async () => {
  const { reader, far, feed } = await scene(1, 8);
  const away = () => Promise.reject(new Refusal(108, "the graph is away"));
  const { items, cursor } = await reading(reader, far, away)({});
  expect(namesOf(items)).toEqual(expected([feed], reader).toReversed());
  expect(cursor).toBeNull();
});

test("authors without a feed, and feeds without a post, are passed over", async () => {
  const { reader, far } = await scene(1, 8);
  const silent = `silent${free}`;
  await feedOf(silent);
  const { items } = await reading(reader, ["nobody", silent, ...far])({});
  expect(ofOthers(items)).toHaveLength(2);
});
