import { array, assert, asyncProperty, boolean, constantFrom, integer, option, property, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { hotRanges, runsOf } from "./entries.ts";
import { keys } from "./keys.ts";
import { hotInboxes, hotPointers } from "./users.ts";
import { newConversationId } from "./testing.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

/** A mailbox with an entry for each letter, trimmed up to `base`; ids are 100, 103, 106 … so that others fall between them. */
interface Mailbox {
  id: string;
  letters: string[];
  base: number;
}
const idOf = (seq: number) => String(97 + seq * 3);

async function mailbox(letters: string[], wish: number): Promise<Mailbox> {
  const { redis } = world.hot;
  const id = newConversationId();
  const newest = letters.lastIndexOf("m") + 1;
  const head = { s: letters.length, n: 0, b: 0, l: newest, h: "j", k: "g", e: "abcd", "@ann": "m 0 5 0 0 0 -" };
  await redis.hset(keys.head(id), head);
  if (letters.length > 0)
    await redis.rpush(keys.mailbox(id), ...letters.map((letter, i) => `${idOf(i + 1)} ${i + 1} ${letter}"n":${i + 1}`));
  await redis.hset(keys.past(id), "ann", "0-2;1");
  await trim(id, wish, 0);
  return { id, letters, base: Number(await redis.hget(keys.head(id), "b")) };
}
const trim = (id: string, to: number, base: number) => world.run<number>("trim-mailbox", [keys.head(id), keys.mailbox(id)], [to, base]);

const letters = array(constantFrom("m", "m", "b", "o"), { maxLength: 12 });
const upTo = integer({ min: 0, max: 14 });

test("trimming forgets what was asked for, but never the newest message nor anything after it", async () => {
  await assert(
    asyncProperty(letters, upTo, async (list, to) => {
      const { id, base } = await mailbox(list, to);
      const newest = list.includes("m") ? list.lastIndexOf("m") + 1 : list.length;
      expect(base).toBe(Math.max(0, Math.min(to, newest - 1)));
      const kept = await world.hot.redis.lrange(keys.mailbox(id), 0, -1);
      expect(kept.map((text) => text.split(" ")[0])).toEqual(list.map((_, i) => idOf(i + 1)).slice(base));
      expect(await trim(id, to, base)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test("who trims on an outdated base trims nothing", async () => {
  const { id } = await mailbox(["m", "m", "m", "m"], 1);
  expect(await trim(id, 3, 0)).toBe(0);
  expect(await trim(id, 3, 1)).toBe(2);
  expect(await trim("999999", 3, 0)).toBe(0);
});

test("ranges give the hot part of what was asked for, with the head and the base beside it", async () => {
  await assert(
    asyncProperty(letters, upTo, upTo, upTo, async (list, cut, from, to) => {
      const { id, base } = await mailbox(list, cut);
      const [range] = await hotRanges(world.hot, [{ conversationId: id, from: from + 1, to }]);
      const seqs = list.map((_, i) => i + 1).filter((seq) => seq > base && seq > from && seq <= to);
      expect(range).toMatchObject({ head: list.length, base });
      expect(range?.entries.map(({ seq, id: own }) => [seq, own])).toEqual(seqs.map((seq) => [seq, idOf(seq)]));
    }),
    { numRuns: 60 },
  );
});

test("the runs of a set of seqs are the fewest ranges that cover exactly it", () => {
  assert(
    property(array(integer({ min: 1, max: 30 })), (seqs) => {
      const runs = runsOf(seqs);
      const covered = runs.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
      expect(covered).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      for (const [i, [from]] of runs.entries()) if (i > 0) expect(from).toBeGreaterThan((runs[i - 1]?.[1] ?? 0) + 1);
    }),
  );
});

test("a page of history is the entries next to its bound on the side asked for, as far as they are hot", async () => {
  const asked = record({ before: boolean(), bound: upTo, many: integer({ min: 1, max: 8 }) });
  await assert(
    asyncProperty(letters, upTo, asked, async (list, cut, { before, bound, many }) => {
      const { id, base } = await mailbox(list, cut);
      const args = ["ann", before ? "before" : "after", bound, many];
      const row = await world.run<string[]>("history", [keys.head(id), keys.mailbox(id), keys.past(id)], args);
      const all = list.map((_, i) => i + 1);
      const side = before ? all.filter((seq) => bound === 0 || seq < bound).slice(-many) : all.filter((seq) => seq > bound).slice(0, many);
      const end = bound === 0 ? list.length : Math.min(list.length, bound - 1);
      // A page that begins below the hot part is short at its lower end: the colder tiers have the rest.
      const lowest = before ? end - many + 1 : 1;
      const expected = side.filter((seq) => seq > base && seq >= lowest);
      expect(row.slice(9).map((text) => text.split(" ")[0])).toEqual(expected.map(idOf));
      expect(row.slice(0, 8)).toEqual([String(list.length), "0", String(base), "j", "g", "abcd", "m 0 5 0 0 0 -", "0-2;1"]);
      if (expected.length > 0) expect(row[8]).toBe(String(expected[0]));
    }),
    { numRuns: 100 },
  );
  expect(await world.run("history", [keys.head("999998"), keys.mailbox("999998"), keys.past("999998")], ["ann", "before", 0, 5])).toEqual(
    [],
  );
});

test("the mixer gives the newest hot entries below a message id that lie in the intervals, newest first", async () => {
  const intervals = array(record({ pause: integer({ min: 0, max: 3 }), length: integer({ min: 0, max: 4 }) }), {
    minLength: 1,
    maxLength: 3,
  });
  const bound = option(integer({ min: 90, max: 140 }), { nil: null });
  await assert(
    asyncProperty(letters, upTo, intervals, boolean(), bound, integer({ min: 1, max: 6 }), async (list, cut, steps, open, below, many) => {
      const { id, base } = await mailbox(list, cut);
      let at = 1;
      const ranges = steps.map(({ pause, length }, i) => {
        const from = at + pause;
        at = from + length + 1;
        return { from, to: open && i === steps.length - 1 ? Number.POSITIVE_INFINITY : from + length };
      });
      const text = ranges.map(({ from, to }) => `${from}-${to === Number.POSITIVE_INFINITY ? "" : to}`).join(",");
      const [row = []] = await world.run<string[][]>("mixer", [keys.head(id), keys.mailbox(id)], [below ?? "", many, text]);
      const hot = list.map((_, i) => i + 1).filter((seq) => seq > base && ranges.some(({ from, to }) => from <= seq && seq <= to));
      const fitting = hot.filter((seq) => below === null || Number(idOf(seq)) < below).toReversed();
      expect(row.slice(4)).toEqual(fitting.slice(0, many).map((seq) => `${seq} ${idOf(seq)} ${list[seq - 1]}`));
      const oldest = list.length > base ? idOf(base + 1) : "";
      expect(row.slice(0, 4)).toEqual([String(list.length), String(base), fitting.length > many ? "1" : "0", oldest]);
    }),
    { numRuns: 200 },
  );
});

test("hot pointers of inboxes are read by offset, one inbox or many, after a trim from its base on", async () => {
  await assert(
    asyncProperty(integer({ min: 0, max: 12 }), upTo, upTo, upTo, async (size, cut, from, to) => {
      const user = `u${newConversationId()}`;
      const pointers = Array.from({ length: size }, (_, i) => `E 7 ${i + 1} 1 ${i}`);
      await world.hot.redis.hset(keys.user(user), { o: size, e: "abcd" });
      if (size > 0) await world.hot.redis.rpush(keys.inbox(user), ...pointers);
      const base = Math.min(cut, size);
      expect(await world.run("trim-inbox", [keys.user(user), keys.inbox(user)], [cut, 0])).toBe(base);
      expect(await world.run("trim-inbox", [keys.user(user), keys.inbox(user)], [cut + 1, base + 1])).toBe(0);
      const first = Math.max(from, base + 1);
      const expected = {
        offset: size,
        base,
        epoch: "abcd",
        first,
        pointers: pointers.slice(first - 1, Math.max(first - 1, Math.min(to, size))),
      };
      expect(await hotPointers(world.hot, user, from, to)).toEqual(expected);
      expect(await hotInboxes(world.hot, [{ user, from, to }])).toEqual([expected]);
      expect((await hotPointers(world.hot, user, from)).pointers).toEqual(pointers.slice(first - 1));
    }),
    { numRuns: 60 },
  );
});
