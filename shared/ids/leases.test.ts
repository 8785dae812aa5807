import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RedisChild, startRedis } from "#infra/redis/child.ts";
import { createLogger } from "#shared/run/logger.ts";
import { createConversationIds } from "./conversation-ids.ts";
import { IdsRefused } from "./snowflake.ts";
import { type LeasedSnowflake, type LeaseOptions, leaseSnowflake } from "./worker-lease.ts";

const logger = createLogger("silent", { role: "test" });
const dir = mkdtempSync(join(tmpdir(), "tributary-ids-"));
let server: RedisChild;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ dir, durability: "everysec", unixSocket: true, logger });
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(async () => void (await redis.flushall()));

const lease = async (options: Partial<LeaseOptions> = {}) => await leaseSnowflake({ redis, logger, ttlMs: 60_000, ...options });

/** Ends a lease in Redis as the passing of its time would. */
const expire = async (worker: number) => await redis.hset(`ids:worker:${worker}`, "until", "0");

test("two holders have different worker ids, and the one given back can be had again", async () => {
  const first = await lease({ firstTry: 7 });
  await using second = await lease({ firstTry: 7 });
  expect([first.worker(), second.worker()]).toEqual([7, 8]);
  await first[Symbol.asyncDispose]();
  await using third = await lease({ firstTry: 7 });
  expect(third.worker()).toBe(7);
  expect(() => first.next()).toThrow(IdsRefused);
});

test("a new holder starts above all that the one before was allowed, though its clock is behind", async () => {
  const clock = Date.now();
  await using dead = await lease({ firstTry: 3, now: () => clock + 30_000 });
  const ids = [dead.next(), dead.next()];
  await expire(3);
  await using heir = await lease({ firstTry: 3, now: () => clock - 30_000 });
  expect(heir.worker()).toBe(3);
  expect(heir.timeOf(heir.next())).toBe(clock + 30_000 + 60_000 + 1);
  ids.push(dead.next(), heir.next());
  expect(new Set(ids).size).toBe(4);
});

test("who could not renew in time makes no ids, until the lease is renewed", async () => {
  let steady = 0;
  await using leased = await lease({ steady: () => steady });
  const before = leased.next();
  steady += 60_000;
  expect(() => leased.next()).toThrow(IdsRefused);
  await leased.renew();
  expect(BigInt(leased.next())).toBeGreaterThan(BigInt(before));
});

test("who lost the lease takes another, and goes on above its own ids", async () => {
  await using leased = await lease({ firstTry: 5 });
  const before = leased.nextAbove(String((BigInt(Date.now() - Date.UTC(2024, 0, 1)) + 20_000n) << 22n));
  await expire(5);
  await using thief = await lease({ firstTry: 5 });
  expect(thief.worker()).toBe(5);
  await leased.renew();
  expect(leased.worker()).toBe(6);
  expect(BigInt(leased.next())).toBeGreaterThan(BigInt(before));
});

test("an id that must be far above the clock is refused once, then the record reaches there", async () => {
  await using leased = await lease();
  const far = String((BigInt(Date.now() - Date.UTC(2024, 0, 1)) + 3_600_000n) << 22n);
  expect(() => leased.nextAbove(far)).toThrow(IdsRefused);
  await leased.renew();
  expect(BigInt(leased.nextAbove(far))).toBeGreaterThan(BigInt(far));
});

test("no two leases ever share an id, whatever clocks, losses and ends there are", async () => {
  const step = record({
    what: constantFrom("next", "clock", "expire", "renew", "replace", "close"),
    who: integer({ min: 0, max: 2 }),
    by: integer({ min: -20_000, max: 20_000 }),
  });
  const story = asyncProperty(array(step, { maxLength: 30, size: "max" }), async (steps) => {
    await redis.flushall();
    const clocks = [0, 0, 0].map(() => Date.now());
    const open = async (who: number) => await lease({ firstTry: 0, now: () => clocks[who] ?? 0 });
    const holders: LeasedSnowflake[] = [await open(0), await open(1), await open(2)];
    const [seen, dead] = [new Set<string>(), [] as LeasedSnowflake[]];
    let made = 0;
    const take = (from: LeasedSnowflake) => {
      try {
        seen.add(from.next());
        made += 1;
      } catch (error) {
        if (!(error instanceof IdsRefused)) throw error;
      }
    };
    for (const { what, who, by } of steps) {
      const holder = holders[who];
      if (holder === undefined) continue;
      if (what === "clock") clocks[who] = (clocks[who] ?? 0) + by;
      if (what === "expire") await expire(holder.worker() ?? 0);
      if (what === "renew") await holder.renew();
      // The one replaced was only paused: it wakes up and makes ids too.
      if (what === "replace") [holders[who]] = [await open(who), dead.push(holder)];
      if (what === "close") {
        await holder[Symbol.asyncDispose]();
        holders[who] = await open(who);
      }
      const wakes = by % 2 === 0 ? dead : [];
      for (const each of [...holders.filter((_, n) => n !== who), ...wakes]) take(each);
    }
    await Promise.all([...holders, ...dead].map(async (each) => await each[Symbol.asyncDispose]()));
    expect(seen.size).toBe(made);
  });
  await assert(story, { numRuns: 150 });
});

test("conversation ids start at 1000, and no two processes share one", async () => {
  const [one, other] = [createConversationIds({ redis }), createConversationIds({ redis })];
  expect(await one.next()).toBe("1000");
  expect(await other.next()).toBe("2000");
  const many = await Promise.all(Array.from({ length: 3_000 }, async (_, n) => await (n % 2 === 0 ? one : other).next()));
  expect(new Set(many).size).toBe(3_000);
});

test("the next range is fetched when four fifths are used", async () => {
  const ids = createConversationIds({ redis, key: "other", size: 10 });
  for (let n = 0; n < 7; n += 1) await ids.next();
  expect(await redis.get("other")).toBe("10");
  await ids.next();
  expect(await redis.get("other")).toBe("20");
  expect([await ids.next(), await ids.next(), await ids.next()]).toEqual(["18", "19", "20"]);
});

test("a range that could not be fetched is fetched again", async () => {
  await redis.set("broken", "no number");
  const ids = createConversationIds({ redis, key: "broken" });
  await expect(ids.next()).rejects.toThrow("not an integer");
  await redis.del("broken");
  expect(await ids.next()).toBe("1000");
});
