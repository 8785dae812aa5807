import { array, assert, asyncProperty, constantFrom, integer, record, uniqueArray } from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { deliverOps, type InboxOp } from "./deliveries.ts";
import { keys } from "./keys.ts";
import { userState, wentOffline } from "./users.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
beforeEach(async () => void (await world.hot.redis.flushall()));
afterAll(() => world[Symbol.asyncDispose]());

interface Op {
  letter: string;
  conversation: string;
  seq: number;
  id: string;
  extra: string;
  users: string[];
}

const idOf = (letter: string, seq: number) => (letter === "E" || letter === "B" ? String(1_000 + seq) : "");
const op = (letter: string, conversation: string, seq: number, more: Partial<Op> = {}): Op => {
  return { letter, conversation, seq, id: idOf(letter, seq), extra: "", users: ["ann"], ...more };
};
const joined = (conversation: string, seq: number, mode: "w" | "r", users = ["ann"]) =>
  op("J", conversation, seq, { extra: `a ${mode}`, users });
const pointersOf = ({ letter, conversation, seq, id, extra }: Op) =>
  letter === "W" || letter === "F" ? [] : [`${letter} ${conversation} ${seq} ${id || extra}`];

/** Delivers ops, each to its users; gives the script's answers by user. */
async function deliver(ops: readonly Op[], archive = false): Promise<Record<string, string>> {
  const users = [...new Set(ops.flatMap((one) => one.users))];
  if (users.length === 0) return {};
  const args = ops.flatMap((one) => {
    const pointers = pointersOf(one);
    return [one.letter, one.conversation, one.seq, one.extra || `${one.id} ${one.id}`, pointers.length, ...pointers];
  });
  const wanted = users.flatMap((user) => [user, ops.flatMap((one, i) => (one.users.includes(user) ? [i + 1] : [])).join(" ")]);
  const scriptKeys = [...users.flatMap((user) => [keys.user(user), keys.inbox(user)]), keys.deliveries("ann")];
  const rows = await world.run<string[]>("deliver", scriptKeys, ["seedseed", archive ? 1 : 0, ops.length, ...args, ...wanted]);
  return Object.fromEntries(rows.map((row, i) => [users[i], row]));
}

async function inbox(user: string) {
  const { offset, records } = await userState(world.hot, user);
  const pointers = await world.hot.redis.lrange(keys.inbox(user), 0, -1);
  return { offset, pointers, records: Object.fromEntries(records) };
}

const table: [sentence: string, before: Op[], ops: Op[], answer: string, record: object, pointers: string[]][] = [
  [
    "an entry that follows the last one is put",
    [joined("7", 0, "w")],
    [op("E", "7", 1)],
    "2|*||",
    { last: 1 },
    ["J 7 0 a w", "E 7 1 1001"],
  ],
  [
    "an entry that is there is skipped",
    [joined("7", 0, "w"), op("E", "7", 1)],
    [op("E", "7", 1)],
    "3|||",
    { last: 1 },
    ["J 7 0 a w", "E 7 1 1001"],
  ],
  ["what follows a gap waits for it", [joined("7", 0, "w")], [op("E", "7", 2), op("L", "7", 2)], "2|||1 2", { last: 0 }, ["J 7 0 a w"]],
  ["an entry that leaves a gap is not put but named", [joined("7", 0, "w")], [op("E", "7", 2)], "2|||1", { last: 0 }, ["J 7 0 a w"]],
  ["an entry for who has not joined is named as a gap", [], [op("E", "7", 1)], "1|||1", {}, []],
  [
    "an entry for who has left is dropped without a word",
    [joined("7", 0, "w"), op("L", "7", 1)],
    [op("E", "7", 2)],
    "3|||",
    { state: "former", last: 1 },
    ["J 7 0 a w", "L 7 1 "],
  ],
  [
    "the switch to read mode is put, and begins the channel at its seq and offset",
    [joined("7", 0, "w")],
    [op("B", "7", 1)],
    "2|*||",
    { readBegin: 1, readOffset: 2, everRead: true },
    ["J 7 0 a w", "B 7 1 1001"],
  ],
  [
    "the switch back puts nothing and goes on after it",
    [joined("7", 0, "r")],
    [op("W", "7", 9), op("E", "7", 10)],
    "2|2||",
    { last: 10, readBegin: -1, everRead: true },
    ["J 7 0 a r", "E 7 10 1010"],
  ],
  [
    "who comes into a conversation in read mode has its channel from there",
    [],
    [joined("7", 4, "r")],
    "1|*||",
    { joined: 4, last: 4, readBegin: 4, readOffset: 1 },
    ["J 7 4 a r"],
  ],
  [
    "who comes back is in again from the new seq",
    [joined("7", 0, "w"), op("L", "7", 1)],
    [joined("7", 5, "w"), op("E", "7", 6)],
    "3|*||",
    { state: "active", joined: 5, last: 6 },
    ["J 7 0 a w", "L 7 1 ", "J 7 5 a w", "E 7 6 1006"],
  ],
  [
    "a leaving told late does not end the stay that came after it",
    [joined("7", 0, "w"), op("L", "7", 1), joined("7", 5, "w")],
    [op("L", "7", 1)],
    "4|||",
    { state: "active", joined: 5 },
    ["J 7 0 a w", "L 7 1 ", "J 7 5 a w"],
  ],
  [
    "a follower has a record and no pointer",
    [],
    [op("F", "7", 3, { extra: "+ 5 r" })],
    "1|||",
    { state: "follower", joined: 3, everRead: true, readBegin: -1 },
    [],
  ],
  [
    "an unfollowing told before the following that came later counts for nothing",
    [op("F", "7", 3, { extra: "+ 5 w" })],
    [op("F", "7", 3, { extra: "- 4 w" })],
    "1|||",
    { state: "follower" },
    [],
  ],
  [
    "an event of one's own is put once",
    [joined("7", 0, "w"), op("V", "7", 0, { extra: ". 8 -" })],
    [op("V", "7", 0, { extra: ". 8 -" })],
    "3|||",
    {},
    ["J 7 0 a w", "V 7 0 . 8 -"],
  ],
  ["an event of one's own about a conversation never joined is dropped", [], [op("V", "7", 0, { extra: ". 8 -" })], "1|||", {}, []],
];

test.each(table)("%s", async (_sentence, before, ops, answer, record_, pointers) => {
  for (const one of before) await deliver([one]);
  expect(await deliver(ops)).toEqual({ ann: answer });
  const found = await inbox("ann");
  expect(found.pointers).toEqual(pointers);
  expect(found.records["7"] ?? {}).toMatchObject(record_);
  expect(found.offset).toBe(pointers.length);
});

test("a message id below the last timeline key is raised above it, digits overflowing", async () => {
  await deliver([joined("7", 0, "w"), joined("8", 0, "w"), op("E", "7", 1, { id: "9999999999" }), op("E", "8", 1, { id: "55" })]);
  expect((await inbox("ann")).pointers.slice(2)).toEqual(["E 7 1 9999999999", "E 8 1 55 10000000000"]);
});

test("the answer names the nodes that hold the user, and none once they are gone", async () => {
  await userState(world.hot, "ann", { node: "n1", connections: null });
  await userState(world.hot, "ann", { node: "n2", connections: null });
  await userState(world.hot, "ann", { node: "n1", connections: null });
  expect(await deliver([joined("7", 0, "w")])).toEqual({ ann: "1|*|n1,n2|" });
  await wentOffline(world.hot, "ann", "n1");
  await wentOffline(world.hot, "ann", "n2");
  expect(await deliver([op("E", "7", 1)])).toEqual({ ann: "2|*||" });
});

test("an inbox keeps the epoch it was given first", async () => {
  const { epoch } = await userState(world.hot, "bob");
  await deliver([joined("7", 0, "w", ["ann", "bob"])]);
  expect((await userState(world.hot, "ann")).epoch).toBe("seedseed");
  expect((await userState(world.hot, "bob")).epoch).toBe(epoch);
});

test("the archive is told what each inbox got, from which offset, how many it has now and of which epoch", async () => {
  await deliver([joined("7", 0, "w", ["ann", "bob"]), op("E", "7", 1, { users: ["bob"] })], true);
  await deliver([op("E", "7", 1, { users: ["ann", "bob"] })], true);
  const rows = await world.hot.redis.xrange(keys.deliveries("ann"), "-", "+");
  expect(rows.map(([, [, text]]) => text)).toEqual([
    "ann 1 1 seedseed\tJ 7 0 a w\nbob 1 2 seedseed\tJ 7 0 a w\tE 7 1 1001",
    "ann 2 2 seedseed\tE 7 1 1001",
  ]);
});

/** Two conversations side by side; ann stays in both, bob comes and goes. */
const wishes = array(record({ conversation: constantFrom("7", "8"), wish: integer({ min: 0, max: 6 }) }), { maxLength: 40 });

function storyOf(steps: readonly { conversation: string; wish: number }[]): Op[] {
  const states = { "7": { seq: 0, reading: false, bob: true }, "8": { seq: 0, reading: false, bob: true } };
  const ops = ["7", "8"].map((id) => joined(id, 0, "w", ["ann", "bob"]));
  for (const [i, { conversation, wish }] of steps.entries()) {
    const state = states[conversation as "7" | "8"];
    const users = state.bob ? ["ann", "bob"] : ["ann"];
    if (wish === 6) {
      ops.push(op("V", conversation, 0, { extra: `. ${i + 1} -`, users }));
      continue;
    }
    state.seq += 1;
    // Of two conversations in two partitions the ids come in any order.
    const id = String(conversation === "7" ? 1_000 + i : 1_000 + i * 3);
    if (wish === 1 && !state.bob) ops.push(joined(conversation, state.seq, state.reading ? "r" : "w", ["bob"]));
    if (!state.reading) ops.push(op(wish === 0 ? "B" : "E", conversation, state.seq, { id, users }));
    else if (wish === 0) ops.push(op("W", conversation, state.seq, { users }));
    if (wish === 0) state.reading = !state.reading;
    if (wish === 1 && state.bob) ops.push(op("L", conversation, state.seq, { users: ["bob"] }));
    if (wish === 1) state.bob = !state.bob;
  }
  return ops;
}

test("delivered once, in pieces, or again from any point after a crash, inboxes are the same", async () => {
  await assert(
    asyncProperty(
      wishes,
      uniqueArray(integer({ min: 0, max: 60 }), { maxLength: 5 }),
      integer({ min: 0, max: 60 }),
      async (steps, cuts, back) => {
        const ops = storyOf(steps);
        await world.hot.redis.flushall();
        for (const answer of Object.values(await deliver(ops))) expect(answer).toMatch(/\|$/);
        const once = [await inbox("ann"), await inbox("bob")];
        await deliver(ops);
        expect([await inbox("ann"), await inbox("bob")]).toEqual(once);
        await world.hot.redis.flushall();
        for (const cut of [...cuts.toSorted((a, b) => a - b), ops.length]) {
          // A worker that dies before it saves its cursor leaves its work to be done again from further back.
          await deliver(ops.slice(0, Math.min(cut, ops.length)));
          await deliver(ops.slice(Math.max(0, cut - back), cut));
        }
        expect([await inbox("ann"), await inbox("bob")]).toEqual(once);
      },
    ),
    { numRuns: 100 },
  );
});

test("an inbox holds each entry of a stay in write mode once, under timeline keys that rise", async () => {
  await assert(
    asyncProperty(wishes, async (steps) => {
      const ops = storyOf(steps);
      await world.hot.redis.flushall();
      for (const one of ops) await deliver([one]);
      for (const user of ["ann", "bob"]) {
        const entries = (await inbox(user)).pointers.filter((text) => text.startsWith("E") || text.startsWith("B"));
        const owed = ops.filter((one) => (one.letter === "E" || one.letter === "B") && one.users.includes(user));
        expect(entries.map((text) => text.split(" ").slice(0, 3).join(" "))).toEqual(
          owed.map((one) => `${one.letter} ${one.conversation} ${one.seq}`),
        );
        const timelineKeys = entries.map((text) => Number(text.split(" ").at(-1)));
        expect(timelineKeys).toEqual([...new Set(timelineKeys)].toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 60 },
  );
});

const run = (seq: number, ids: readonly number[]): InboxOp => ({
  letter: "E",
  conversationId: "7",
  seq,
  extra: `${ids[0]} ${ids.at(-1)}`,
  pointers: ids.map((id, i) => `m 7 ${seq + i} ${seq + i} ${id}`),
});
const arrival: InboxOp = { letter: "J", conversationId: "7", seq: 0, extra: "a w", pointers: ["J 7 0 1 w {}"] };

test("of a run of entries an inbox takes those that it lacks, and says how many", async () => {
  await deliverOps(world.hot, [arrival, run(1, [101, 102])], [["ann", [1, 2]]], false);
  const [written] = await deliverOps(world.hot, [run(1, [101, 102, 103, 104])], [["ann", [1]]], false);
  expect(written).toMatchObject({ first: 4, pointers: ["m 7 3 3 103", "m 7 4 4 104"], gaps: [] });
  expect((await inbox("ann")).pointers).toEqual(["J 7 0 1 w {}", "m 7 1 1 101", "m 7 2 2 102", "m 7 3 3 103", "m 7 4 4 104"]);
  const [again] = await deliverOps(world.hot, [run(1, [101, 102, 103, 104])], [["ann", [1]]], false);
  expect(again).toMatchObject({ first: 6, pointers: [], gaps: [] });
});

test("a run that leaves a hole before it is a gap as a whole", async () => {
  const late = run(3, [103, 104]);
  const [written] = await deliverOps(world.hot, [arrival, late], [["ann", [1, 2]]], false);
  expect(written).toMatchObject({ pointers: ["J 7 0 1 w {}"], gaps: [late] });
});

test("a run whose ids are not above the last timeline key gets keys above it, each above the one before", async () => {
  const other: InboxOp = { ...run(1, [500]), conversationId: "8", pointers: ["m 8 1 1 500"] };
  const joinedOther: InboxOp = { ...arrival, conversationId: "8", pointers: ["J 8 0 1 w {}"] };
  await deliverOps(world.hot, [arrival, joinedOther, other, run(1, [499, 502, 503])], [["ann", [1, 2, 3, 4]]], false);
  expect((await inbox("ann")).pointers.slice(2)).toEqual(["m 8 1 1 500", "m 7 1 1 499 501", "m 7 2 2 502", "m 7 3 3 503"]);
});
