import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import { held, make } from "#shared/hot/testing.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { leftToFanout } from "./hand-over.ts";
import { createWriter, type Writer } from "./index.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

interface Sent {
  id: string;
  seq: number;
  at: number;
  duplicate: boolean;
}

function open(more: { ids?: Ids; hot?: Hot } = {}) {
  const { hot, ids, logger } = world;
  const entries = createEntries(hot, null);
  return {
    entries,
    writer: createWriter({
      hot,
      entries,
      ids,
      logger,
      dedupeWindowMs: 3_600_000,
      outboxMax: 1_000_000,
      accepting: null,
      handOver: leftToFanout,
      ...more,
    }),
  };
}

function send(
  writer: Writer,
  conversationId: string,
  user: string,
  clientMsgId: string,
  body: unknown = { text: clientMsgId },
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const params = { conversationId, clientMsgId, kind: "custom", body };
    writer.send(params as never, { user, session: null }, (thrown, json) => {
      if (thrown === null) resolve(JSON.parse(json) as Sent);
      else reject(thrown as Error);
    });
  });
}

/** Ids of a clock that is far behind until it is told what it must be above. */
function slowIds(): Ids {
  let last = 4_194_304n;
  const above = (id: string) => (BigInt(id) > last ? BigInt(id) : last) + 1n;
  return { next: () => String((last += 1n)), nextAbove: (id) => String((last = above(id))), timeOf: (id) => world.ids.timeOf(id) };
}

test("sends of one turn get seqs in the order they were made, in one commit a conversation", async () => {
  const { writer } = open();
  const [a, b] = [await make(world, ["ann", "bob"]), await make(world, ["ann", "bob"])];
  const sent = await Promise.all(Array.from({ length: 100 }, (_, i) => send(writer, i % 2 === 0 ? a : b, "ann", `m${i}`)));
  expect(sent.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => Math.floor(i / 2) + 1));
  expect((await held(world, a)).entries.map((text) => /"text":"(\w+)"/.exec(text)?.[1])).toEqual(
    Array.from({ length: 50 }, (_, i) => `m${i * 2}`),
  );
  await writer[Symbol.asyncDispose]();
});

test("group commit over more conversations than one script takes keeps every order and hole-free seqs", async () => {
  const { writer } = open();
  const ids = await Promise.all(Array.from({ length: 30 }, () => make(world, ["ann", "bob"])));
  const sent = await Promise.all(
    Array.from({ length: 900 }, (_, i) => send(writer, ids[i % 30] ?? "", i % 60 < 30 ? "ann" : "bob", `m${i}`)),
  );
  for (const [c, id] of ids.entries()) {
    const own = sent.filter((_, i) => i % 30 === c);
    expect(own.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect((await held(world, id)).seq).toBe(30);
    const messageIds = own.map(({ id: messageId }) => BigInt(messageId));
    expect(messageIds.every((one, i) => i === 0 || one > (messageIds[i - 1] ?? 0n))).toBe(true);
  }
  await writer[Symbol.asyncDispose]();
});

test("a retry gives the first message again, whether it comes with it, after it or from another process", async () => {
  const { writer } = open();
  const id = await make(world, ["ann", "bob"]);
  const [first, together] = await Promise.all([send(writer, id, "ann", "x", 1), send(writer, id, "ann", "x", 2)]);
  const later = await send(writer, id, "ann", "x", 3);
  const elsewhere = await send(open({ ids: slowIds() }).writer, id, "ann", "x", 4);
  expect(first).toMatchObject({ seq: 1, duplicate: false });
  for (const again of [together, later, elsewhere]) expect(again).toEqual({ ...first, duplicate: true });
  expect((await held(world, id)).entries).toHaveLength(1);
  expect(await send(writer, id, "bob", "x", 5)).toMatchObject({ seq: 2, duplicate: false });
});

test("a retry is found in the generation of dedupe tables before this one, and is carried into this one", async () => {
  const { writer } = open();
  const id = await make(world, ["ann"]);
  const first = await send(writer, id, "ann", "x");
  const { redis } = world.hot;
  const generation = Math.floor(Date.now() / 3_600_000);
  for (const table of keys.dedupeTables(generation)) {
    if (!table.includes(`{${Number(id) % 1_024}}`) || (await redis.exists(table)) === 0) continue;
    await redis.rename(table, table.replace(`:${generation}:`, `:${generation - 1}:`));
  }
  expect(await send(writer, id, "ann", "x")).toEqual({ ...first, duplicate: true });
  expect(await send(writer, id, "ann", "x")).toEqual({ ...first, duplicate: true });
  expect((await held(world, id)).seq).toBe(1);
});

test("outsiders, and all but the owner of a feed, are refused without a place in the order", async () => {
  const { writer } = open();
  const id = await make(world, ["ann"]);
  const feed = await make(world, ["ann", "bob"], { kind: "feed" });
  const settled = await Promise.allSettled([
    send(writer, id, "ann", "1"),
    send(writer, id, "eve", "2"),
    send(writer, id, "ann", "3"),
    send(writer, feed, "bob", "4"),
    send(writer, feed, "ann", "5"),
    send(writer, "999999", "ann", "6"),
  ]);
  expect(settled.map((one) => (one.status === "fulfilled" ? one.value.seq : (one.reason as Refusal).code))).toEqual([
    1, 103, 2, 103, 1, 103,
  ]);
});

test("a message id that comes too late for its conversation is taken anew, and the order holds", async () => {
  const { writer } = open({ ids: slowIds() });
  const id = await make(world, ["ann", "bob"]);
  await send(open().writer, id, "bob", "first");
  const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => send(writer, id, "ann", `late ${i}`)));
  expect(sent.map(({ seq, duplicate }) => [seq, duplicate])).toEqual(Array.from({ length: 20 }, (_, i) => [i + 2, false]));
  const stored = (await world.hot.redis.lrange(keys.mailbox(id), 0, -1)).map((text) => BigInt(text.slice(0, text.indexOf(" "))));
  expect(stored).toEqual(stored.toSorted((a, b) => (a < b ? -1 : 1)));
});

test("when no id can be had above a conversation's last, the senders are told so and the next ones are served", async () => {
  let refusing = true;
  const nextAbove = (id: string) => {
    if (refusing) throw new Refusal(108, "no message ids for now");
    return world.ids.nextAbove(id);
  };
  const { writer } = open({ ids: { next: () => (refusing ? "5" : world.ids.next()), nextAbove, timeOf: (one) => world.ids.timeOf(one) } });
  const id = await make(world, ["ann", "bob"]);
  const other = await make(world, ["ann"]);
  await send(open().writer, id, "bob", "first");
  const settled = await Promise.allSettled([send(writer, id, "ann", "1"), send(writer, id, "ann", "2"), send(writer, other, "ann", "3")]);
  expect(settled.map((one) => (one.status === "fulfilled" ? one.value.seq : (one.reason as Refusal).code))).toEqual([108, 108, 1]);
  refusing = false;
  expect(await send(writer, id, "ann", "4")).toMatchObject({ seq: 2 });
});

test("a send that too few replicas hold is refused, and its retry is the same message", async () => {
  const id = await make(world, ["ann"]);
  await using strict = await openHot(world.url, world.logger, 1);
  const { writer } = open({ hot: strict });
  await expect(send(writer, id, "ann", "x")).rejects.toMatchObject({ code: 108, temporary: true });
  expect(await send(open().writer, id, "ann", "x")).toMatchObject({ seq: 1, duplicate: true });
});

test("what was committed is at hand for those who push it", async () => {
  const { writer, entries } = open();
  const id = await make(world, ["ann"]);
  const sent = await send(writer, id, "ann", "x");
  expect(entries.peek(id, 1)).toMatchObject({ conversationId: id, seq: 1, id: sent.id, count: 1, letter: "m" });
  const loaded = await createEntries(world.hot, null).load([{ conversationId: id, seq: 1 }]);
  expect(loaded(id, 1)).toEqual(entries.peek(id, 1));
});

test("a send made at whatever moment of another's answer is not left lying", async () => {
  const { writer } = open();
  const id = await make(world, ["ann"]);
  for (let turns = 0; turns < 20; turns++) {
    await send(writer, id, "ann", `before ${turns}`);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    expect(await send(writer, id, "ann", `after ${turns}`)).toMatchObject({ seq: turns * 2 + 2 });
  }
});

test("disposing waits for what was taken", async () => {
  const { writer } = open();
  const id = await make(world, ["ann"]);
  const sent = send(writer, id, "ann", "x");
  await writer[Symbol.asyncDispose]();
  expect((await held(world, id)).seq).toBe(1);
  expect((await sent).seq).toBe(1);
});

test("whatever two writers with different clocks send, each conversation's seqs, counts and ids rise and each sender's order holds", async () => {
  const sends = array(
    record({
      writer: integer({ min: 0, max: 1 }),
      conversation: integer({ min: 0, max: 2 }),
      user: constantFrom("ann", "bob"),
      n: integer({ min: 0, max: 15 }),
    }),
    { maxLength: 40 },
  );
  await assert(
    asyncProperty(sends, async (list) => {
      const writers = [open().writer, open({ ids: slowIds() }).writer];
      const ids = await Promise.all([0, 1, 2].map(() => make(world, ["ann", "bob"])));
      const sent = await Promise.all(
        list.map(({ writer, conversation, user, n }) => send(writers[writer] as Writer, ids[conversation] ?? "", user, `m${n}`)),
      );
      for (const [c, id] of ids.entries()) {
        const texts = await world.hot.redis.lrange(keys.mailbox(id), 0, -1);
        const own = sent.flatMap((answer, i) => (list[i]?.conversation === c ? [{ ...answer, ...list[i] }] : []));
        const fresh = own.filter(({ duplicate }) => !duplicate);
        expect(fresh.map(({ seq }) => seq).toSorted((x, y) => x - y)).toEqual(texts.map((_, i) => i + 1));
        expect(new Set(own.map(({ user, n, seq }) => `${user} ${n} ${seq}`)).size).toBe(texts.length);
        expect(texts.map((text) => text.split(" ")[1])).toEqual(texts.map((_, i) => String(i + 1)));
        for (const w of [0, 1]) {
          const seqs = fresh.filter(({ writer }) => writer === w).map(({ seq }) => seq);
          expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
        }
      }
    }),
    { numRuns: 40 },
  );
});
