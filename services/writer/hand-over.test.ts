import { array, assert, asyncProperty, integer } from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Bus } from "#shared/hot/bus.ts";
import { join, leave, read } from "#shared/hot/changes.ts";
import { deliverOps, type InboxOp } from "#shared/hot/deliveries.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, partitionOf, partitions } from "#shared/hot/keys.ts";
import { changing, make, single } from "#shared/hot/testing.ts";
import { userState } from "#shared/hot/users.ts";
import { createWaker } from "#shared/run/waker.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { createHandOver } from "./hand-over.ts";
import { createWriter } from "./index.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
beforeEach(async () => void (await world.hot.redis.flushall()));
afterAll(() => world[Symbol.asyncDispose]());

/** A writer, what it pushes, and how often it wakes the fan-out. */
function open(roomAt: number | null = null) {
  const { hot, ids, logger } = world;
  const pushed: { inbox: PushBatch["inbox"]; rooms: PushBatch["rooms"] } = { inbox: [], rooms: [] };
  const bus = {
    publish: (pushes: ReadonlyMap<string, PushBatch["inbox"]>) => void pushed.inbox.push(...[...pushes.values()].flat()),
    publishRooms: (rooms: PushBatch["rooms"]) => void pushed.rooms.push(...rooms),
  } as unknown as Bus;
  let woken = 0;
  const left = { ...createWaker(), wake: () => void woken++ };
  const handOver = createHandOver({ hot, bus, roomAt: () => roomAt, archiveInbox: true, left, logger });
  const parts = { hot, ids, logger, dedupeWindowMs: 3_600_000, outboxMax: 1_000_000, accepting: null };
  const writer = createWriter({ ...parts, entries: createEntries(hot, null), handOver });
  const send = (conversationId: string, user: string, clientMsgId: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const params = { conversationId, clientMsgId, kind: "text", body: { text: clientMsgId } } as never;
      writer.send(params, { user, session: null }, (thrown, json) => {
        if (thrown === null) resolve((JSON.parse(json) as { seq: number }).seq);
        else reject(thrown as Error);
      });
    });
  /** The members are asked for with the first message, and at hand from then on. */
  const known = (id: string) => handOverKnows(handOver, id);
  return { send, pushed, known, woken: () => woken };
}

async function handOverKnows(handOver: ReturnType<typeof createHandOver>, id: string): Promise<void> {
  const asked = () => handOver.gather(new Map([[id, []]]))[0]?.recipients ?? null;
  await expect.poll(asked).not.toBeNull();
}

/** Gives inboxes what a fan-out would: to each user the ops of these numbers, from 1. */
const give = (ops: readonly InboxOp[], users: Record<string, number[]>) => deliverOps(world.hot, ops, Object.entries(users), false);

const entry = (id: string, seq: number, letter = "m"): InboxOp => {
  const messageId = String(seq);
  return { letter: "E", conversationId: id, seq, extra: `${messageId} ${messageId}`, pointers: [`${letter} ${id} ${seq} 0 ${messageId}`] };
};

/** As the fan-out leaves the inboxes of those who are in from the beginning. */
async function begun(id: string, users: readonly string[]): Promise<void> {
  const joined: InboxOp = { letter: "J", conversationId: id, seq: 0, extra: "a w", pointers: [`J ${id} 0 5 w {"type":"conversation"}`] };
  await give([joined], Object.fromEntries(users.map((user) => [user, [1]])));
}

/** As if the fan-out had handled all there is. */
async function fanoutAtEnd(id: string): Promise<void> {
  const partition = partitionOf(id);
  const [last] = await world.hot.redis.xrevrange(keys.outbox(partition), "+", "-", "COUNT", 1);
  await world.hot.redis.set(keys.cursor("fanout", partition), last?.[0] ?? "0-0");
}

/** "seq" of what is in an inbox of a conversation, its beginning left out. */
const inboxOf = async (user: string, id: string): Promise<number[]> =>
  (await world.hot.redis.lrange(keys.inbox(user), 0, -1)).flatMap((pointer) => {
    const [letter, conversationId, seq] = pointer.split(" ");
    return letter === "m" && conversationId === id ? [Number(seq)] : [];
  });

/** The marks of a conversation's entries in the outbox, by seq. */
async function marks(id: string): Promise<Record<string, string>> {
  const rows = await world.hot.redis.xrange(keys.outbox(partitionOf(id)), "-", "+");
  const lines = rows.flatMap(([, [, text = ""]]) => text.split("\n")).filter((line) => line.startsWith(`E ${id} `));
  return Object.fromEntries(lines.map((line) => [line.split(" ")[2], line.split(" ")[6] ?? ""]));
}

test("a message of a pair is in both inboxes when it is answered, and is pushed to those who are online", async () => {
  const id = await make(world, ["ann", "bob"], single);
  await begun(id, ["ann", "bob"]);
  await userState(world.hot, "bob", { node: "n1", connections: { oldest: 1, count: 1 } });
  const { send, pushed, known, woken } = open();
  await known(id);
  expect(await send(id, "ann", "one")).toBe(1);
  expect([await inboxOf("ann", id), await inboxOf("bob", id)]).toEqual([[1], [1]]);
  expect(pushed.inbox).toMatchObject([["bob", 2, [expect.stringMatching(`^m ${id} 1 1 `)]]]);
  expect(await marks(id)).toEqual({ 1: "w=2" });
  expect(woken()).toBe(0);
  const lines = await world.hot.redis.xrange(keys.deliveries("ann"), "-", "+");
  expect(lines.at(-1)?.[1][1]?.split("\n")).toEqual([
    expect.stringMatching(`^ann 2 2 \\S+\tm ${id} 1 1 `),
    expect.stringMatching(`^bob 2 2 \\S+\tm ${id} 1 1 `),
  ]);
});

test("what waits for something before it, or for other members, is left to the fan-out, which is woken", async () => {
  const id = await make(world, ["ann", "bob", "cyd"]);
  const { send, known, woken, pushed } = open();
  await known(id);
  // Their inboxes do not know yet that they belong to it.
  await send(id, "ann", "one");
  await begun(id, ["ann", "bob", "cyd"]);
  // The first message is missing there.
  await send(id, "ann", "two");
  await join(changing(world), id, "ann", "add", ["dan"]);
  // The members are others.
  await send(id, "ann", "three");
  expect(await marks(id)).toEqual({ 1: "w", 2: "w", 3: "w", 4: "w" });
  expect(await inboxOf("bob", id)).toEqual([]);
  expect(woken()).toBe(3);
  expect(pushed.inbox).toEqual([]);
});

test("who is out by their inbox and in again by the conversation waits for the fan-out", async () => {
  const id = await make(world, ["ann", "bob"]);
  await begun(id, ["ann", "bob"]);
  await leave(changing(world), id, "bob", "leave", ["bob"]);
  const out: InboxOp = { letter: "L", conversationId: id, seq: 1, extra: "", pointers: [`L ${id} 1 5 - {}`] };
  await give([entry(id, 1, "b"), out], { ann: [1], bob: [1, 2] });
  await join(changing(world), id, "ann", "add", ["bob"]);
  await give([entry(id, 2, "b")], { ann: [1] });
  await fanoutAtEnd(id);
  const { send, known } = open();
  await known(id);
  await send(id, "ann", "one");
  expect(await marks(id)).toMatchObject({ 3: "w" });
  expect([await inboxOf("ann", id), await inboxOf("bob", id)]).toEqual([[3], []]);
});

test("a message stays behind what tells how far its sender has read, until the fan-out has told that", async () => {
  const id = await make(world, ["ann", "bob"], single);
  await begun(id, ["ann", "bob"]);
  const { send, known } = open();
  await known(id);
  await send(id, "ann", "one");
  await read(world.hot, id, "bob", 1, async () => 0);
  await send(id, "bob", "two");
  expect(await marks(id)).toEqual({ 1: "w=2", 2: "w" });
  await fanoutAtEnd(id);
  await give([entry(id, 2)], { ann: [1], bob: [1] });
  await send(id, "bob", "three");
  expect(await marks(id)).toEqual({ 1: "w=2", 2: "w", 3: "w=2" });
});

test("a room gets what follows what it was given last, and the fan-out the rest", async () => {
  const id = await make(world, ["ann", "bob", "cyd"], {}, 2);
  const behind = open(4);
  await behind.send(id, "ann", "one");
  expect(behind.pushed.rooms).toEqual([]);
  const there = open(1);
  await Promise.all(["two", "three"].map((text) => there.send(id, "ann", text)));
  expect(there.pushed.rooms).toEqual([[id, 2, 3, 0]]);
  expect(await marks(id)).toEqual({ 1: "r", 2: "r+", 3: "r+" });
  expect([behind.woken(), there.woken()]).toEqual([1, 0]);
});

test("who commits a message again tells readers how far it all is, for the first one may have ended before its push", async () => {
  const id = await make(world, ["ann", "bob"], single);
  await begun(id, ["ann", "bob"]);
  await userState(world.hot, "bob", { node: "n1", connections: { oldest: 1, count: 1 } });
  const first = open();
  await first.known(id);
  await first.send(id, "ann", "one");
  const second = open();
  expect(await second.send(id, "ann", "one")).toBe(1);
  await expect.poll(() => second.pushed.inbox).toEqual([["bob", 3, []]]);
  expect(second.pushed.rooms).toEqual([[id, 1, 1, 0]]);
});

/** What two ways of sending must leave alike. */
async function left(id: string) {
  const { redis } = world.hot;
  const head = await redis.hgetall(keys.head(id));
  const users = await Promise.all(["ann", "bob"].map(async (user) => [await userState(world.hot, user), await inboxOf(user, id)] as const));
  const members = Object.entries(head).filter(([field]) => field.startsWith("@"));
  return {
    seq: head["s"],
    count: head["n"],
    members: members.map(([user, text]) => [user, ...text.split(" ").slice(3, 6)]),
    users: users.map(([{ offset, records }, inbox]) => [offset, records.get(id)?.last, inbox]),
    marks: await marks(id),
    pointers: (await redis.lrange(keys.inbox("bob"), 0, -1)).map((pointer) => pointer.split(" ").slice(2, 4).join(" ")),
  };
}

test("messages leave the same whether each has a commit of its own or all share one", async () => {
  const sends = array(integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 20 });
  await assert(
    asyncProperty(sends, async (numbers) => {
      const states = [];
      for (const together of [false, true]) {
        await world.hot.redis.flushall();
        const id = "1024";
        await make(world, ["ann", "bob"], { ...single, id });
        await begun(id, ["ann", "bob"]);
        const { send, known } = open();
        await known(id);
        const acts = numbers.map((n) => () => send(id, n % 2 === 0 ? "ann" : "bob", `m${n}`));
        const seqs: number[] = [];
        if (together) seqs.push(...(await Promise.all(acts.map((act) => act()))));
        else for (const act of acts) seqs.push(await act());
        states.push({ seqs, ...(await left(id)) });
      }
      expect(states[1]).toEqual(states[0]);
    }),
    { numRuns: 30 },
  );
});

test("a batch over many conversations of the same people gives each inbox all of them, in order", async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => make(world, ["ann", "bob"], single)));
  for (const id of ids) await begun(id, ["ann", "bob"]);
  const { send, known } = open();
  for (const id of ids) await known(id);
  await Promise.all(ids.flatMap((id) => [send(id, "ann", "one"), send(id, "bob", "two")]));
  for (const id of ids) {
    expect(await marks(id)).toEqual({ 1: "w=2", 2: "w=2" });
    for (const user of ["ann", "bob"]) expect(await inboxOf(user, id)).toEqual([1, 2]);
  }
  const { offset } = await userState(world.hot, "ann");
  expect(offset).toBe(ids.length * 3);
  expect(new Set(partitions().map(keys.outbox)).size).toBeGreaterThan(1);
});
