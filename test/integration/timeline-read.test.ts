import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mailboxEnds, type Pending } from "#shared/hot/timelines.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { newScene, perform, stepArbitrary, type Scene, type Step } from "./timeline-steps.ts";
import { createTraffic, type Known, type Traffic } from "./timeline-traffic.ts";
import { expected, expectOrdered, named, namesOf, reader, walk } from "./timeline-walk.ts";
import { openTiers, unreachable, type Tiers } from "./timeline-world.ts";

let tiers: Tiers;
let traffic: Traffic;
let free = 0;
beforeAll(async () => {
  tiers = await openTiers();
  traffic = createTraffic(tiers.hot);
});
afterAll(async () => await tiers[Symbol.asyncDispose]());

test("a walk gives every message of the stays once, ordered by key, whatever switched, moved or was trimmed, also under traffic", async () => {
  const steps = fc.array(stepArbitrary, { minLength: 20, maxLength: 120 });
  const during = fc.array(stepArbitrary, { minLength: 30, maxLength: 60 });
  const check = async (before: Step[], meanwhile: Step[], limit: number, who: number) => {
    const scene = await newScene(tiers, traffic);
    for (const step of before) await perform(scene, step);
    const user = scene.users[who] as string;
    const readers = { ...tiers.readers(), arrived: async () => (await traffic.deliverAll(scene.conversations), true) };
    const oracle = expected(scene.conversations, user);
    const rest = [...meanwhile];
    const items = await walk(reader(readers, user), { limit }, () => someSteps(scene, rest));
    expect(namesOf(items).toSorted()).toEqual(oracle.toSorted());
    expectOrdered(items);
  };
  await fc.assert(fc.asyncProperty(steps, during, fc.integer({ min: 1, max: 9 }), fc.nat(2), check), { numRuns: 60 });
});

async function someSteps(scene: Scene, rest: Step[]): Promise<void> {
  for (const step of rest.splice(0, 4)) await perform(scene, step);
}

test("only messages of the wanted kinds are given, each once", async () => {
  const steps = fc.array(stepArbitrary, { minLength: 20, maxLength: 80 });
  const check = async (before: Step[], limit: number) => {
    const scene = await newScene(tiers, traffic);
    for (const step of before) await perform(scene, step);
    await traffic.deliverAll(scene.conversations);
    const [user = ""] = scene.users;
    const items = await walk(reader(tiers.readers(), user), { limit, kinds: ["image"] });
    expect(namesOf(items).toSorted()).toEqual(expected(scene.conversations, user, "image").toSorted());
  };
  await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), check), { numRuns: 20 });
});

/** One conversation of two users in read mode after `written` messages in write mode, with `read` messages more. */
async function half(written: number, read: number) {
  const number = ++free;
  const users = [`dee${number}`, `eve${number}`];
  const known = await traffic.create(String(900_000 + number), users);
  for (let i = 0; i < written; i++) await traffic.send(known, users[0] as string);
  await traffic.switchMode(known);
  for (let i = 0; i < read; i++) await traffic.send(known, users[0] as string);
  await traffic.deliverAll([known]);
  return { known, user: users[1] as string };
}

test("each item says if it came from the inbox or from a mailbox", async () => {
  const { user } = await half(3, 2);
  const { items, cursor } = await reader(tiers.readers(), user)({});
  expect(items.map(({ source }) => source)).toEqual(["mailbox", "mailbox", "inbox", "inbox", "inbox"]);
  expect(cursor).toBeNull();
});

test("with the archive away the hot messages are given, and 108 only beyond them", async () => {
  const { known, user } = await half(10, 10);
  await tiers.trimMailbox(known.id, 15);
  const read = reader(tiers.readers(unreachable()), user);
  const hot = await read({ limit: 20 });
  expect(namesOf(hot.items)).toEqual([21, 20, 19, 18, 17, 16].map((seq) => named(known.id, seq)));
  const beyond = await read({ cursor: hot.cursor }).catch((err: unknown) => err);
  expect(beyond).toMatchObject({ code: 108, temporary: true });
  const rest = await reader(tiers.readers(), user)({ cursor: hot.cursor });
  const seqs = [15, 14, 13, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
  expect(namesOf(rest.items)).toEqual(seqs.map((seq) => named(known.id, seq)));
});

test("a page that is hot asks nothing of an archive that is away, though older parts are there", async () => {
  const { known, user } = await half(10, 10);
  await tiers.trimMailbox(known.id, 5);
  const { items, cursor } = await reader(tiers.readers(unreachable()), user)({ limit: 5 });
  expect(items).toHaveLength(5);
  expect(cursor).not.toBeNull();
});

test("an inbox without its hot part comes from the archive", async () => {
  const { known, user } = await half(12, 1);
  await tiers.trimInbox(user, 13);
  await tiers.trimMailbox(known.id, 13);
  const items = await walk(reader(tiers.readers(), user), { limit: 5 });
  expect(namesOf(items)).toEqual([14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((seq) => named(known.id, seq)));
});

test("what is committed during a walk stays out of it, also where its id is older than what was given", async () => {
  const number = ++free;
  const user = `ivy${number}`;
  const [quick, slow] = [await traffic.create(`7${number}1`, [user]), await traffic.create(`7${number}2`, [user], { lag: 5_000 })];
  await traffic.send(slow, user);
  await traffic.switchMode(quick);
  await traffic.send(quick, user);
  await traffic.send(quick, user);
  await traffic.deliverAll([quick, slow]);
  const read = reader(tiers.readers(), user);
  const first = await read({ limit: 1 });
  await traffic.send(slow, user);
  await traffic.deliverAll([slow]);
  const second = await read({ cursor: first.cursor });
  expect(namesOf([...first.items, ...second.items])).toEqual([named(quick.id, 3), named(quick.id, 2), named(slow.id, 1)]);
});

test("a conversation left long ago whose entries are archived costs a page of newer messages no query", async () => {
  const { known, user } = await half(0, 10);
  await traffic.leave(known, user);
  await traffic.send(known, known.stays.keys().next().value ?? "");
  await traffic.deliverAll([known]);
  expect(await tiers.trimMailbox(known.id, 12)).toBe(12);
  const newer = await traffic.create(String(900_000 + ++free), [user]);
  for (let i = 0; i < 6; i++) await traffic.send(newer, user);
  await traffic.deliverAll([newer]);
  const { items } = await reader(tiers.readers(unreachable()), user)({ limit: 5 });
  expect(namesOf(items)).toEqual([6, 5, 4, 3, 2].map((seq) => named(newer.id, seq)));
});

test("an archived inbox is read on within one page where only some kinds are wanted", async () => {
  const number = ++free;
  const user = `lea${number}`;
  const known = await traffic.create(String(900_000 + number), [user]);
  for (let i = 1; i <= 400; i++) await traffic.send(known, user, i % 4 === 1 ? "image" : "text");
  await traffic.deliverAll([known]);
  await tiers.trimInbox(user, 400);
  const items = await walk(reader(tiers.readers(), user), { limit: 50, kinds: ["image"] });
  expect(namesOf(items)).toEqual(expected([known], user, "image").toReversed());
});

test.each([1, 2])("a message whose key an inbox raised to the id of another one comes once, as does the other (%i)", async (first) => {
  const number = ++free;
  const user = `max${number}`;
  const ids = first === 1 ? ["1", "2", "3"] : ["2", "3", "1"];
  const [late, top, read] = (await Promise.all(ids.map((id) => traffic.create(`8${number}${id}`, [user], { lag: 1_000 })))) as [
    Known,
    Known,
    Known,
  ];
  await traffic.switchMode(read);
  await traffic.send(late, user);
  const id = createSnowflake({ worker: 1_023 }).next();
  top.ids = { ...top.ids, next: () => id };
  await traffic.send(top, user);
  read.ids = { ...read.ids, nextAbove: () => String(BigInt(id) + 1n) };
  await traffic.send(read, user);
  await traffic.deliverAll([top, late, read]);
  const items = await walk(reader(tiers.readers(), user), { limit: 1 });
  expect(items[0]?.key).toBe(items[1]?.key);
  expect(namesOf(items).toSorted()).toEqual([named(late.id, 1), named(top.id, 1), named(read.id, 2)].toSorted());
  expectOrdered(items);
});

test.each(["write", "read"])("a follower's timeline holds what a feed in %s mode posted while they followed", async (mode) => {
  const number = ++free;
  const [owner, follower] = [`joe${number}`, `kim${number}`];
  const feed = await traffic.create(String(900_000 + number), [owner], { kind: "f", all: true });
  if (mode === "read") await traffic.switchMode(feed);
  await traffic.send(feed, owner);
  for (const on of [true, false, true]) {
    await traffic.follow(feed, follower, on);
    await traffic.send(feed, owner);
    await traffic.send(feed, owner);
  }
  await traffic.deliverAll([feed]);
  const items = await walk(reader(tiers.readers(), follower), { limit: 3 });
  expect(namesOf(items).toSorted()).toEqual(expected([feed], follower).toSorted());
  expect(items).toHaveLength(4);
});

test("of many mailboxes only those are opened that can be on the page, and none of their messages is missed", async () => {
  const number = ++free;
  const [owner, follower] = [`nan${number}`, `oda${number}`];
  const feeds: Known[] = [];
  for (let i = 0; i < 40; i++) {
    const feed = await traffic.create(`6${number}${i}`, [owner], { kind: "f", all: true, lag: (i % 3) * 500 });
    await traffic.switchMode(feed);
    await traffic.follow(feed, follower, true);
    feeds.push(feed);
  }
  for (let i = 0; i < 200; i++) await traffic.send(feeds[(i * 7) % 40] as Known, owner);
  const wanted = feeds.map(({ id }) => ({ conversationId: id, upTo: null }));
  const { floor, ends } = await mailboxEnds(tiers.hot, follower, wanted, { below: "", floor: "", messages: 5, entries: 9 });
  const opened = ends.filter(({ part }) => part !== null);
  expect(opened.length).toBeLessThan(20);
  expect(opened.flatMap(({ part }) => part?.entries ?? []).filter(({ id }) => BigInt(id) >= BigInt(floor)).length).toBeGreaterThan(5);
  for (const limit of [1, 5, 17]) {
    const items = await walk(reader(tiers.readers(), follower), { limit });
    expect(namesOf(items).toSorted()).toEqual(expected(feeds, follower).toSorted());
    expectOrdered(items);
  }
});

test("an answer ends before 512 KiB and goes on by its cursor", async () => {
  const number = ++free;
  const user = `flo${number}`;
  const known = await traffic.create(String(900_000 + number), [user]);
  for (let i = 0; i < 80; i++) await traffic.send(known, user, "text", 16_000);
  await traffic.deliverAll([known]);
  const read = reader(tiers.readers(), user);
  const page = await read({ limit: 200 });
  expect(JSON.stringify(page).length).toBeLessThanOrEqual(512 * 1_024);
  expect(page.items.length).toBeGreaterThan(25);
  expect(await walk(read, { limit: 200 })).toHaveLength(80);
});

test("a malformed cursor is refused with 107 that names it", async () => {
  const refused = await reader(tiers.readers(), "gus")({ cursor: "bm9uc2Vuc2U" }).catch((err: unknown) => err);
  expect(refused).toBeInstanceOf(Refusal);
  expect(refused).toMatchObject({ code: 107, message: expect.stringContaining("cursor") as string });
});

test("what is pending is waited for on the first page alone, and its refusal is the answer's", async () => {
  const { user } = await half(3, 3);
  let waits = 0;
  const waiting = async (_: string, pending: readonly Pending[]) => {
    if (pending.length > 0) waits++;
    return false;
  };
  const counting = reader({ ...tiers.readers(), arrived: waiting }, user);
  await walk(counting, { limit: 2 });
  expect(waits).toBe(1);
  const behind = reader({ ...tiers.readers(), arrived: () => Promise.reject(new Refusal(108)) }, user);
  await expect(behind({})).rejects.toMatchObject({ code: 108 });
});

test("someone who never was in any conversation has an empty timeline", async () => {
  expect(await reader(tiers.readers(), "nobody")({})).toEqual({ items: [], cursor: null });
});
