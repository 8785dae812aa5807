import { array, assert, asyncProperty, boolean, constantFrom, integer, option, property, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { hotRanges, runsOf } from "./entries.ts";
import { keys } from "./keys.ts";
import { hotInboxes, hotPointers } from "./users.ts";
import { newConversationId } from "./testing.ts";
import { mailboxEnds, type MailboxPart } from "./timelines.ts";

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

test("the mixer gives the newest hot entries between two message ids that a user may have, and says what is left", async () => {
  const bound = option(integer({ min: 90, max: 140 }), { nil: null });
  const asked = record({
    below: bound,
    floor: bound,
    upTo: option(integer({ min: 0, max: 14 }), { nil: null }),
    many: integer({ min: 1, max: 6 }),
  });
  const modes = record({ begin: integer({ min: 0, max: 6 }), length: option(integer({ min: 1, max: 6 }), { nil: null }) });
  await assert(
    asyncProperty(
      letters,
      upTo,
      modes,
      boolean(),
      asked,
      async (list, cut, { begin, length }, member, { below, floor, upTo: most, many }) => {
        const { id, base } = await mailbox(list, cut);
        const end = length === null ? "" : begin + length;
        await world.hot.redis.hset(keys.head(id), { i: list.length === 0 ? "0" : idOf(list.length), v: `${begin}-${end}` });
        if (!member) await world.hot.redis.hdel(keys.head(id), "@ann");
        const { ends } = await mailboxEnds(world.hot, "ann", [{ conversationId: id, upTo: most }], {
          below: below === null ? "" : String(below),
          floor: floor === null ? "" : String(floor),
          messages: 0,
          entries: many,
        });
        const old = floor !== null && (list.length === 0 || Number(idOf(list.length)) < floor);
        if (old) {
          expect(ends).toEqual([{ conversationId: id, seq: list.length, part: null }]);
          return;
        }
        const part = ends[0]?.part as MailboxPart;
        const belongs = (seq: number) => part.belonging.some(({ joined, left }) => joined < seq && seq <= left);
        const all = list.map((_, i) => i + 1);
        // The stays of who is in are 0–2 and from 0 on, of who is not 0–2 alone.
        expect(all.filter(belongs)).toEqual(
          all.filter((seq) => seq > begin && seq <= (length === null ? 99 : begin + length) && (member || seq <= 2)),
        );
        const wanted = (seq: number) => belongs(seq) && seq <= (most ?? 99) && (below === null || Number(idOf(seq)) < below);
        const given = part.entries.map(({ seq }) => seq);
        expect(given).toEqual(given.map((_, i) => part.unread + given.length - i));
        expect(part.entries.every(({ seq, id: own }) => own === idOf(seq) && (floor === null || Number(own) >= floor))).toBe(true);
        expect(given.length).toBeLessThanOrEqual(many);
        // Nothing wanted is passed over: it is given, or still unread.
        const passed = all.filter((seq) => wanted(seq) && seq > part.unread && !given.includes(seq));
        expect(passed).toEqual([]);
        const left = all.filter((seq) => seq > base && seq <= part.unread);
        if (part.enough) expect(left.every((seq) => Number(idOf(seq)) < (floor ?? 0))).toBe(true);
        else if (left.length > 0) expect(given).toHaveLength(many);
        if (part.oldest !== "") expect(part.oldest).toBe(idOf(base + 1));
      },
    ),
    { numRuns: 300 },
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
