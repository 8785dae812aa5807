import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { messageHistory } from "#services/timeline/history.ts";
import { createStore } from "#services/timeline/store.ts";
import { keys } from "#shared/hot/keys.ts";
import { toRow } from "#shared/wire/rows.ts";
import { jsonOf } from "#shared/wire/json.ts";
import type { Message } from "#shared/wire/values.ts";
import { newScene, perform, stepArbitrary, type Step } from "./timeline-steps.ts";
import { createTraffic, readable, type Known, type Traffic } from "./timeline-traffic.ts";
import { openTiers, unreachable, type Readers, type Tiers } from "./timeline-world.ts";

type EntryEvent = { seq: number; type: string; message?: Message };

interface Page {
  messages?: Message[];
  entries?: EntryEvent[];
  first: number;
  last: number;
  tiers: { hot: number; warm: number; cold: number };
  more: boolean;
}

let tiers: Tiers;
let traffic: Traffic;
let free = 0;
beforeAll(async () => {
  tiers = await openTiers();
  traffic = createTraffic(tiers.hot);
});
afterAll(async () => await tiers[Symbol.asyncDispose]());

const reader = (readers: Readers, user: string, warmDays = 30) => {
  const handler = messageHistory({ ...readers, warmDays });
  return async (params: object): Promise<Page> => JSON.parse(jsonOf(await handler(params as never, { user, session: null }))) as Page;
};

const seqsOf = ({ messages, entries }: Page): number[] =>
  messages?.map(({ seq }) => seq) ?? entries?.map((one) => one.message?.seq ?? one.seq) ?? [];

/** Walks to the end of one direction; seqs in the order in which they stand in the conversation. */
async function walk(read: (params: object) => Promise<Page>, params: object, direction: "before" | "after"): Promise<number[]> {
  const seqs: number[] = [];
  let bound: { before?: number; after?: number } = direction === "after" ? { after: 0 } : {};
  for (;;) {
    const page = await read({ ...params, ...bound });
    if (direction === "before") seqs.unshift(...seqsOf(page));
    else seqs.push(...seqsOf(page));
    expect(page.tiers.hot + page.tiers.warm + page.tiers.cold).toBe(seqsOf(page).length);
    if (!page.more) return seqs;
    expect(seqsOf(page).length).toBeGreaterThan(0);
    bound = direction === "before" ? { before: page.first } : { after: page.last };
  }
}

test("walks up and down give what the user may read once, with no seam between the tiers", async () => {
  const steps = fc.array(stepArbitrary, { minLength: 20, maxLength: 120 });
  const check = async (all: Step[], limit: number, entries: boolean) => {
    const scene = await newScene(tiers, traffic, true);
    for (const step of all) await perform(scene, step);
    for (const known of scene.conversations) {
      for (const user of scene.users) {
        const read = reader(tiers.readers(), user);
        if (!known.stays.has(user)) {
          await expect(read({ conversationId: known.id })).rejects.toMatchObject({ code: 103 });
          continue;
        }
        const oracle = readable(known, user).flatMap(({ seq, letter }) => (entries || letter === "m" ? [seq] : []));
        expect(await walk(read, { conversationId: known.id, limit, entries }, "before")).toEqual(oracle);
        expect(await walk(read, { conversationId: known.id, limit, entries }, "after")).toEqual(oracle);
      }
    }
  };
  await fc.assert(fc.asyncProperty(steps, fc.integer({ min: 1, max: 12 }), fc.boolean(), check), { numRuns: 40 });
});

async function conversation(messages: number, size = 4): Promise<{ known: Known; user: string; conversationId: string }> {
  const number = ++free;
  const user = `hal${number}`;
  const known = await traffic.create(String(800_000 + number), [user]);
  for (let i = 0; i < messages; i++) await traffic.send(known, user, "text", size);
  return { known, user, conversationId: known.id };
}

test("the newest page comes without bounds, the next one above with after; bounds are not included", async () => {
  const { user, conversationId } = await conversation(10);
  const read = reader(tiers.readers(), user);
  expect(await read({ conversationId, limit: 3 })).toMatchObject({ first: 8, last: 10, more: true, tiers: { hot: 3, warm: 0, cold: 0 } });
  expect(seqsOf(await read({ conversationId, limit: 3, after: 2 }))).toEqual([3, 4, 5]);
  expect(seqsOf(await read({ conversationId, limit: 3, before: 3 }))).toEqual([1, 2]);
  expect(await read({ conversationId, limit: 3, before: 1 })).toEqual({
    messages: [],
    first: 0,
    last: 0,
    tiers: { hot: 0, warm: 0, cold: 0 },
    more: false,
  });
});

test("both bounds at once are refused with 107", async () => {
  const { user, conversationId } = await conversation(1);
  await expect(reader(tiers.readers(), user)({ conversationId, before: 3, after: 1 })).rejects.toMatchObject({ code: 107 });
});

test("outsiders and unknown conversations get 103", async () => {
  const { conversationId } = await conversation(1);
  await expect(reader(tiers.readers(), "outsider")({ conversationId })).rejects.toMatchObject({ code: 103 });
  await expect(reader(tiers.readers(), "outsider")({ conversationId: "7" })).rejects.toMatchObject({ code: 103 });
});

test("what is archived counts as warm, and as cold when it is older than the warm days", async () => {
  const { user, conversationId } = await conversation(10);
  await tiers.trimMailbox(conversationId, 6);
  expect((await reader(tiers.readers(), user)({ conversationId })).tiers).toEqual({ hot: 4, warm: 6, cold: 0 });
  expect((await reader(tiers.readers(), user, -1)({ conversationId })).tiers).toEqual({ hot: 4, warm: 0, cold: 6 });
});

test("with the archive away a page gives what is hot with more, and 108 beyond", async () => {
  const { user, conversationId } = await conversation(10);
  await tiers.trimMailbox(conversationId, 6);
  const read = reader(tiers.readers(unreachable()), user);
  const page = await read({ conversationId });
  expect(seqsOf(page)).toEqual([7, 8, 9, 10]);
  expect(page).toMatchObject({ first: 7, last: 10, more: true });
  await expect(read({ conversationId, before: page.first })).rejects.toMatchObject({ code: 108 });
});

test("an answer ends before 512 KiB with more", async () => {
  const { user, conversationId } = await conversation(60, 16_000);
  const read = reader(tiers.readers(), user);
  const page = await read({ conversationId, limit: 200 });
  expect(JSON.stringify(page).length).toBeLessThanOrEqual(512 * 1_024);
  expect(page.more).toBe(true);
  expect(await walk(read, { conversationId, limit: 200 }, "after")).toHaveLength(60);
});

test("a hundred readers of the same archived page cost one query to ClickHouse, and so do those who come within seconds", async () => {
  const { user, conversationId } = await conversation(20);
  await tiers.trimMailbox(conversationId, 15);
  const { cold, queries } = tiers.counting();
  const outcomes = { read: 0, shared: 0 };
  const store = createStore({ hot: tiers.hot, cold, counted: (outcome) => outcomes[outcome]++ });
  const read = reader({ ...tiers.readers(), store }, user);
  const pages = await Promise.all(Array.from({ length: 100 }, () => read({ conversationId, before: 12, limit: 5 })));
  pages.push(await read({ conversationId, before: 12, limit: 5 }));
  expect(new Set(pages.map((page) => seqsOf(page).join()))).toEqual(new Set(["7,8,9,10,11"]));
  expect(pages.every(({ tiers: { warm } }) => warm === 5)).toBe(true);
  expect(queries()).toBe(1);
  expect(outcomes).toEqual({ read: 1, shared: 100 });
});

test("a stretch goes on in the hot tier where the archive has a jump in its seqs", async () => {
  const { conversationId } = await conversation(14);
  const { store, hot } = tiers.readers();
  const { entries } = await store.entryRange({ conversationId, from: 1, to: 10, limit: 10, descending: false, archived: 0 });
  await tiers.cold.insertMessages(entries.filter(({ seq }) => seq < 4 || seq > 7).map((entry) => toRow(entry, 1, "write")));
  await hot.run("trim-mailbox", [keys.head(conversationId), keys.mailbox(conversationId)], [10, 0]);
  const up = await store.entryRange({ conversationId, from: 1, to: 14, limit: 8, descending: false, archived: 0 });
  expect(up.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 8, 9, 10, 11, 12]);
  const down = await store.entryRange({ conversationId, from: 1, to: 14, limit: 8, descending: true, archived: 0 });
  expect(down.entries.map(({ seq }) => seq)).toEqual([14, 13, 12, 11, 10, 9, 8, 3]);
});

test("a former member pages over the gaps between stays", async () => {
  const { known, user, conversationId } = await conversation(0);
  for (let stay = 0; stay < 3; stay++) {
    await traffic.join(known, "guest");
    for (let i = 0; i < 3; i++) await traffic.send(known, user);
    await traffic.leave(known, "guest");
    for (let i = 0; i < 3; i++) await traffic.send(known, user);
  }
  const read = reader(tiers.readers(), "guest");
  const stays = [2, 3, 4, 10, 11, 12, 18, 19, 20];
  expect(await walk(read, { conversationId, limit: 4 }, "before")).toEqual(stays);
  expect(await walk(read, { conversationId, limit: 4 }, "after")).toEqual(stays);
});

test('a member with history "joined" reads nothing from before, one with "all" everything', async () => {
  const { known, conversationId } = await conversation(3);
  await traffic.join(known, "late");
  await traffic.send(known, "late");
  expect(seqsOf(await reader(tiers.readers(), "late")({ conversationId }))).toEqual([5]);
  const open = await traffic.create(String(800_000 + ++free), ["host"], { all: true });
  await traffic.send(open, "host");
  await traffic.join(open, "late");
  expect(seqsOf(await reader(tiers.readers(), "late")({ conversationId: open.id }))).toEqual([1]);
});
