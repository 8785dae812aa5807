import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { keys, partitionOf } from "#shared/hot/keys.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { createTraffic } from "./traffic.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  await world.hot.redis.flushall();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 1) });
});
afterEach(() => void vi.useRealTimers());

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A worker that watches traffic, with a clock that goes second by second. */
function watch(budget = 100) {
  const switches: string[] = [];
  let mode: "r" | "w" = "w";
  const switchMode = async (conversationId: string, to: "r" | "w") => {
    mode = to;
    switches.push(`${conversationId} ${to}`);
  };
  const traffic = createTraffic({ hot: world.hot, budget, switchMode, logger: world.logger });
  /** Lets seconds go by, each with so many entries to ten members. */
  const pass = async (seconds: number, entries: number, id = "7", kind = "g") => {
    for (let second = 0; second < seconds; second++) {
      for (let n = 0; n < entries; n++) traffic.note(id, mode, mode === "w" ? kind : "", mode === "w" ? 10 : 0);
      vi.setSystemTime(Date.now() + 1_000);
      await traffic.tick(Date.now());
    }
  };
  return { traffic, switches, pass, mode: () => mode };
}

test("a conversation above its budget over 5 s goes to read mode, one at the budget does not", async () => {
  const busy = watch();
  await busy.pass(5, 11);
  expect(busy.switches).toEqual(["7 r"]);
  const steady = watch();
  await steady.pass(60, 10, "8");
  expect(steady.switches).toEqual([]);
});

test("a burst that spread over 5 s is within the budget switches nothing", async () => {
  const { pass, switches } = watch();
  await pass(1, 50);
  await pass(30, 0);
  expect(switches).toEqual([]);
});

test("singles never switch, and without a budget nothing does", async () => {
  const one = watch();
  await one.pass(10, 50, "7", "s");
  const free = watch(0);
  await free.pass(10, 1_000);
  expect([one.switches, free.switches]).toEqual([[], []]);
});

test("it goes back after 60 s below a fifth of the budget, counted in the writes it would have made", async () => {
  const { pass, switches } = watch();
  await pass(5, 20);
  await pass(120, 2);
  expect(switches).toEqual(["7 r"]);
  // The rate is looked at in windows of 5 s.
  await pass(54, 1);
  expect(switches).toEqual(["7 r"]);
  await pass(12, 1);
  expect(switches).toEqual(["7 r", "7 w"]);
});

/** Busy until it is read, then calm until it is written again; how long after the last switch back it could be read again, ms. */
async function round({ pass, mode }: ReturnType<typeof watch>): Promise<number> {
  const start = Date.now();
  while (mode() === "w") await pass(1, 20);
  const waited = Date.now() - start;
  await pass(1, 1);
  while (mode() === "r") await pass(5, 1);
  return waited;
}

test("after a switch the next one is 10 minutes away, doubling while it repeats, up to 6 hours", async () => {
  const one = watch();
  expect(await round(one)).toBeLessThan(MINUTE);
  const pauses: number[] = [];
  for (let n = 0; n < 7; n++) pauses.push(await round(one));
  const rounded = pauses.map((ms) => Math.round(ms / MINUTE));
  expect(rounded).toEqual([10, 20, 40, 80, 160, 320, 360]);
});

test("a conversation that was calm for a day starts with the first pause again", async () => {
  const one = watch();
  for (let n = 0; n < 4; n++) await round(one);
  vi.setSystemTime(Date.now() + 30 * HOUR);
  await round(one);
  expect(Math.round((await round(one)) / MINUTE)).toBe(10);
});

test("a worker that takes over goes on with the pause and the way back of the one before", async () => {
  const before = watch();
  await before.pass(5, 20);
  const heir = watch();
  await heir.traffic.adopt(new Set([partitionOf("7")]));
  for (let second = 0; second < 75; second++) {
    vi.setSystemTime(Date.now() + 1_000);
    await heir.traffic.tick(Date.now());
  }
  expect(heir.switches).toEqual(["7 w"]);
  await heir.pass(60, 20);
  expect(heir.switches).toEqual(["7 w"]);
});

test("a worker leaves alone what is not in its partitions, and forgets what has long been calm", async () => {
  const before = watch();
  await before.pass(5, 20);
  const other = watch();
  await other.traffic.adopt(new Set([partitionOf("7") + 1]));
  vi.setSystemTime(Date.now() + 2 * MINUTE);
  await other.traffic.tick(Date.now());
  expect(other.switches).toEqual([]);
  await before.pass(1, 1);
  while (before.mode() === "r") await before.pass(5, 0);
  vi.setSystemTime(Date.now() + 48 * HOUR);
  await other.traffic.adopt(new Set([partitionOf("7")]));
  expect(await world.hot.redis.hlen(keys.traffic)).toBe(0);
});

test("a switch that could not be made is tried again", async () => {
  let failing = true;
  const made: string[] = [];
  const switchMode = async (id: string, to: "r" | "w") => {
    if (failing) throw new Error("Redis is away");
    made.push(`${id} ${to}`);
  };
  const traffic = createTraffic({ hot: world.hot, budget: 100, switchMode, logger: world.logger });
  for (let n = 0; n < 100; n++) traffic.note("7", "w", "g", 10);
  await expect(traffic.tick(Date.now())).rejects.toThrow("Redis is away");
  failing = false;
  await traffic.tick(Date.now());
  expect(made).toEqual(["7 r"]);
});
