import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Refusal } from "#shared/wire/errors.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { once, type Attempt } from "./once.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
beforeEach(async () => void (await world.hot.redis.flushall()));
afterAll(() => world[Symbol.asyncDispose]());

type Work = (params: { n?: number }, caller: { user: string }, attempt: Attempt) => Promise<object>;
const ann = { user: "ann", session: null };

/** A process's door to a method: what it has under way is its own, what it has done is in Redis. */
function door(work: Work, method = "conversation.create") {
  const handler = once({ hot: world.hot, dedupeWindowMs: 3_600_000 }, method, work);
  return (params: { requestId?: string; n?: number }, caller: { user: string; session: null } = ann) => handler(params as never, caller);
}

test("the same requestId gives the first result, from this process and from others", async () => {
  let calls = 0;
  const work: Work = async ({ n }) => ({ n, calls: (calls += 1) });
  const [one, other] = [door(work), door(work)];
  expect(await one({ requestId: "r", n: 1 })).toEqual({ n: 1, calls: 1 });
  expect(await one({ requestId: "r", n: 2 })).toEqual({ n: 1, calls: 1 });
  expect(await other({ requestId: "r", n: 3 })).toEqual({ n: 1, calls: 1 });
});

test("another user's, another method's and another requestId are calls of their own", async () => {
  let calls = 0;
  const work: Work = async () => ({ calls: (calls += 1) });
  const [create, leave] = [door(work), door(work, "conversation.leave")];
  expect(await create({ requestId: "r" })).toEqual({ calls: 1 });
  expect(await create({ requestId: "r" }, { user: "bob", session: null })).toEqual({ calls: 2 });
  expect(await leave({ requestId: "r" })).toEqual({ calls: 3 });
  expect(await create({ requestId: "s" })).toEqual({ calls: 4 });
});

test("without a requestId every call is made, and leaves nothing behind", async () => {
  let calls = 0;
  const call = door(async () => ({ calls: (calls += 1) }));
  expect([await call({}), await call({})]).toEqual([{ calls: 1 }, { calls: 2 }]);
  expect(await world.hot.redis.dbsize()).toBe(0);
});

test("calls that come while the first is under way share it", async () => {
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const call = door(async () => {
    await gate.promise;
    return { calls: (calls += 1) };
  });
  const many = Promise.all(Array.from({ length: 5 }, () => call({ requestId: "r" })));
  gate.resolve();
  expect(await many).toEqual(Array.from({ length: 5 }, () => ({ calls: 1 })));
});

test("a call that comes while the first is under way in another process waits for its result", async () => {
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const work: Work = async () => {
    calls += 1;
    begun.resolve();
    await gate.promise;
    return { calls };
  };
  const first = door(work)({ requestId: "r" });
  await begun.promise;
  const second = door(work)({ requestId: "r" });
  gate.resolve();
  expect([await first, await second]).toEqual([{ calls: 1 }, { calls: 1 }]);
});

test("a refused call is not remembered", async () => {
  let refusing = true;
  const call = door(async () => {
    if (refusing) throw new Refusal(103);
    return { ok: true };
  });
  await expect(call({ requestId: "r" })).rejects.toMatchObject({ code: 103 });
  refusing = false;
  expect(await call({ requestId: "r" })).toEqual({ ok: true });
});

test("what an attempt claimed before it failed is what the next one goes on with", async () => {
  let made = 0;
  let failing = true;
  const work: Work = async (_params, _caller, attempt) => {
    const id = await attempt.claim(async () => String((made += 1)));
    if (failing) throw new Refusal(108);
    return { id };
  };
  await expect(door(work)({ requestId: "r" })).rejects.toMatchObject({ code: 108 });
  failing = false;
  expect(await door(work)({ requestId: "r" })).toEqual({ id: "1" });
});

test("of two processes that claim at once both go on with the first one's", async () => {
  let made = 0;
  const gate = Promise.withResolvers<void>();
  const work: Work = async (_params, _caller, attempt) => {
    await gate.promise;
    return { id: await attempt.claim(async () => String((made += 1))) };
  };
  const both = Promise.all([door(work)({ requestId: "r" }), door(work)({ requestId: "r" })]);
  gate.resolve();
  const [a, b] = await both;
  expect(a).toEqual(b);
});

test("a process that was thought to have ended gives the result of the one that took its call over", async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow = door(async (_params, _caller, attempt) => {
    begun.resolve();
    await gate.promise;
    return { id: await attempt.claim(async () => "slow") };
  })({ requestId: "r" });
  await begun.promise;
  for (const key of await world.hot.redis.keys("*:w")) await world.hot.redis.del(key);
  const other = await door(async (_params, _caller, attempt) => ({ id: await attempt.claim(async () => "other") }))({ requestId: "r" });
  gate.resolve();
  expect([other, await slow]).toEqual([{ id: "other" }, { id: "other" }]);
});

test("a result is kept for the window and no longer", async () => {
  await door(async () => ({}))({ requestId: "r" });
  const [key = ""] = await world.hot.redis.keys("*");
  const left = await world.hot.redis.pttl(key);
  expect(left).toBeGreaterThan(3_500_000);
  expect(left).toBeLessThanOrEqual(3_600_000);
});
