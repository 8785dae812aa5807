import { array, assert, asyncProperty, constantFrom, integer, oneof, record, constant } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { join, leave, read, switchMode } from "./changes.ts";
import { keys } from "./keys.ts";
import { unreadCounts } from "./standings.ts";
import { changing, held, make, send } from "./testing.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

const unneeded = () => Promise.reject(new Error("the archive is not needed here"));
const readTo = (id: string, user: string, seq: number, cold: (id: string, seq: number) => Promise<number> = unneeded) =>
  read(world.hot, id, user, seq, cold);

/** ann, bob and five messages of ann's. */
async function five(): Promise<string> {
  const id = await make(world, ["ann", "bob"]);
  await send(world, id, ["ann", "ann", "ann", "ann", "ann"]);
  return id;
}

test("reading to a seq leaves what came after it unread", async () => {
  const id = await five();
  expect(await readTo(id, "bob", 2)).toEqual({ readSeq: 2, unread: 3 });
  expect((await held(world, id)).members["bob"]).toBe("m 0 2 2 0");
  expect((await held(world, id)).outbox.at(-1)).toBe("R bob 2 2");
});

test("a seq past the end means the end", async () => {
  expect(await readTo(await five(), "bob", 99)).toEqual({ readSeq: 5, unread: 0 });
});

test("the read seq never goes backwards, and reading the same again writes nothing", async () => {
  const id = await five();
  await readTo(id, "bob", 4);
  const before = await held(world, id);
  expect(await readTo(id, "bob", 3)).toEqual({ readSeq: 4, unread: 1 });
  expect(await readTo(id, "bob", 4)).toEqual({ readSeq: 4, unread: 1 });
  expect(await held(world, id)).toEqual(before);
});

test("reading takes the mark of unread away and keeps the other flags", async () => {
  const id = await five();
  await world.hot.redis.hset(keys.head(id), "@bob", "m 0 5 0 0 7 -");
  await readTo(id, "bob", 0);
  expect((await held(world, id)).members["bob"]).toBe("m 0 0 0 3");
  expect((await held(world, id)).outbox.at(-1)).toBe("P bob");
});

test("who is no member reads nothing", async () => {
  await expect(readTo(await five(), "cyd", 1)).rejects.toMatchObject({ code: 103 });
});

test("the count at a seq that is no longer hot comes from the archive", async () => {
  const id = await five();
  expect(await world.run<number>("trim-mailbox", [keys.head(id), keys.mailbox(id)], [3, 0])).toBe(3);
  const asked: unknown[] = [];
  const cold = async (conversationId: string, seq: number) => {
    asked.push([conversationId, seq]);
    return 2;
  };
  expect(await readTo(id, "bob", 2, cold)).toEqual({ readSeq: 2, unread: 3 });
  expect(asked).toEqual([[id, 2]]);
  expect(await readTo(id, "bob", 4)).toEqual({ readSeq: 4, unread: 1 });
});

const step = oneof(
  { weight: 4, arbitrary: record({ what: constant("send" as const), who: constantFrom("ann", "bob") }) },
  record({ what: constant("read" as const), to: integer({ min: 0, max: 20 }) }),
  record({ what: constant("switch" as const), mode: constantFrom("r" as const, "w" as const) }),
  record({ what: constant("out" as const) }),
  record({ what: constant("in" as const) }),
);

test("unread is always the messages after what was read or, if that is later, after the own coming", async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 25 }), async (steps) => {
      const id = await make(world, ["ann", "bob"]);
      const counts = [0];
      const bob = { isIn: true, joined: 0, read: 0 };
      const entry = (countable: boolean) => counts.push((counts.at(-1) ?? 0) + (countable ? 1 : 0));
      for (const one of steps) {
        const seq = counts.length - 1;
        if (one.what === "send") {
          if (one.who === "bob" && !bob.isIn) continue;
          await send(world, id, [one.who]);
          entry(true);
          if (one.who === "bob") bob.read = seq + 1;
        } else if (one.what === "read" && bob.isIn) {
          bob.read = Math.max(bob.read, Math.min(one.to, seq));
          expect((await readTo(id, "bob", one.to)).readSeq).toBe(bob.read);
        } else if (one.what === "switch") {
          const before = (await held(world, id)).seq;
          await switchMode(changing(world), id, one.mode);
          if ((await held(world, id)).seq > before) entry(false);
        } else if (one.what === "out" && bob.isIn) {
          await leave(changing(world), id, "bob", "leave", ["bob"]);
          entry(false);
          bob.isIn = false;
        } else if (one.what === "in" && !bob.isIn) {
          await join(changing(world), id, "ann", "add", ["bob"]);
          entry(false);
          Object.assign(bob, { isIn: true, joined: seq + 1 });
        }
        const expected = (counts.at(-1) ?? 0) - (counts[Math.max(bob.read, bob.joined)] ?? 0);
        const found = await unreadCounts(world.hot, "bob", [id]);
        expect(found).toMatchObject(bob.isIn ? [{ conversationId: id, unread: expected, counted: true }] : []);
      }
    }),
    { numRuns: 60 },
  );
});
