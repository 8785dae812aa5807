import { array, assert, asyncProperty, constantFrom, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { join, leave, switchMode } from "./changes.ts";
import { deliverOps, type InboxOp } from "./deliveries.ts";
import { keys, partitionOf } from "./keys.ts";
import { createProgress } from "./progress.ts";
import { changing, make, newConversationId, send } from "./testing.ts";
import { arrived, timelineEnd, type Pending } from "./timelines.ts";
import { listed, listedIds, userState } from "./users.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const end = (user: string) =>
  timelineEnd(world.hot, user, { place: null, pointers: 10, messages: 5, pending: true, below: "", entries: 5 }, []);

/** All that was committed up to now counts as fanned out. */
async function handleAll(): Promise<void> {
  for (let partition = 0; partition < 8; partition++) {
    const [last] = await world.hot.redis.xrevrange(keys.outbox(partition), "+", "-", "COUNT", 1);
    if (last !== undefined) await world.hot.redis.set(keys.cursor("fanout", partition), last[0]);
  }
}

/** What the user's inbox would have to wait for. */
async function waitedFor(user: string): Promise<Pending[]> {
  const wanted: Pending[] = [];
  const progress = {
    reached: async (partition: number, last: string) => void wanted.push({ partition, last, unsure: [] }),
    caughtUp: async () => {},
  };
  await arrived(world.hot, progress, user, (await end(user)).pending);
  return wanted;
}

const inInbox = (user: string, id: string, text = "a 0 0 -1 0 0 0") => world.hot.redis.hset(keys.user(user), id, text);

test("a message is waited for by those in whose inbox it will come, and by nobody else", async () => {
  const id = await make(world, ["ann", "bob"]);
  await inInbox("ann", id);
  await handleAll();
  expect(await waitedFor("ann")).toEqual([]);
  await send(world, id, ["ann", "ann"]);
  const [last] = await world.hot.redis.xrevrange(keys.outbox(partitionOf(id)), "+", "-", "COUNT", 1);
  expect(await waitedFor("ann")).toEqual([{ partition: partitionOf(id), last: last?.[0], unsure: [] }]);
  expect(await waitedFor("zoe")).toEqual([]);
  await handleAll();
  expect(await waitedFor("ann")).toEqual([]);
});

test("a member whose inbox does not know the conversation yet waits for its creation, its first message and for being added", async () => {
  const group = await make(world, ["ann"]);
  expect(await waitedFor("ann")).toHaveLength(1);
  await handleAll();
  await join(changing(world), group, "ann", "add", ["cyd"]);
  await send(world, group, ["ann"]);
  expect(await waitedFor("cyd")).toHaveLength(1);
  await leave(changing(world), group, "cyd", "leave", ["cyd"]);
  expect(await waitedFor("cyd")).toHaveLength(1);
  await handleAll();
  const single = await make(world, ["dee", "eve"], { kind: "single", owner: null, title: "dee eve" });
  await handleAll();
  await send(world, single, ["dee"]);
  expect(await waitedFor("eve")).toHaveLength(1);
  await handleAll();
});

test("messages of a conversation in read mode are not waited for, its switches are", async () => {
  const id = await make(world, ["ann", "bob"]);
  await inInbox("bob", id);
  await handleAll();
  await switchMode(changing(world), id, "r");
  expect(await waitedFor("bob")).toHaveLength(1);
  await handleAll();
  await send(world, id, ["ann", "bob"]);
  expect(await waitedFor("bob")).toEqual([]);
});

test("a fan-out that lags far is waited for by everyone", async () => {
  const id = await make(world, ["ann", "bob"]);
  await handleAll();
  for (let i = 0; i < 24; i++)
    await send(
      world,
      id,
      Array.from({ length: 100 }, () => "ann"),
    );
  expect(await waitedFor("someone-else")).toHaveLength(1);
  await handleAll();
});

test("who waits is told when the cursor is there, and refused with 108 after a second", async () => {
  const id = await make(world, ["ann"]);
  await inInbox("ann", id);
  await send(world, id, ["ann"]);
  const progress = createProgress(world.hot);
  const { pending } = await end("ann");
  await expect(arrived(world.hot, progress, "ann", pending)).rejects.toMatchObject({ code: 108, temporary: true });
  const [told] = await Promise.all([arrived(world.hot, progress, "ann", pending), handleAll()]);
  expect(told).toBe(true);
});

const step = record({
  letter: constantFrom<InboxOp["letter"]>("J", "E", "B", "W", "L", "F"),
  conversation: constantFrom("1", "2", "3"),
  mode: constantFrom("r", "w"),
  on: constantFrom("+", "-"),
});

test("the lists kept of a user's conversations are those that the records make, whatever was delivered since", async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
      const user = `u${newConversationId()}`;
      const seqs = new Map<string, number>();
      for (const [i, { letter, conversation, mode, on }] of steps.entries()) {
        const seq = (seqs.get(conversation) ?? 0) + 1;
        seqs.set(conversation, seq);
        const extra = { J: `a ${mode}`, F: `${on} ${i + 1} ${mode}`, E: `${i + 1} ${i + 1}`, B: `${i + 1} ${i + 1}`, W: "", L: "", V: "" }[
          letter
        ];
        const pointers = letter === "W" || letter === "F" ? [] : [`${letter === "E" ? "m" : letter} ${conversation} ${seq} 1 ${i + 1}`];
        await deliverOps(world.hot, [{ letter, conversationId: conversation, seq, extra, pointers }], [[user, [1]]], false);
        const state = await userState(world.hot, user);
        const rooms = [...state.records.values()].filter(({ everRead }) => everRead).map(({ conversationId }) => conversationId);
        expect((await end(user)).rooms.toSorted()).toEqual(rooms.toSorted());
        expect((await listedIds(world.hot, user)).toSorted()).toEqual(listed(state).toSorted());
      }
    }),
    { numRuns: 60 },
  );
});
