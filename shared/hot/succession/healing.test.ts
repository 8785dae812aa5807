import { expect, test } from "vitest";
import { keys } from "#shared/hot/keys.ts";
import { loadScripts } from "#shared/hot/scripts.ts";
import { startHot } from "#test/support/hot.ts";
import type { Ground } from "./ground.ts";
import { createHealing, SUCCESSION } from "./healing.ts";
import { createOpLog } from "./op-log.ts";

const PARTITION = 3;

test("a process that ends while it does writes again ends that first, and keeps the next one from nothing", async () => {
  await using world = await startHot();
  const { redis } = world.hot;
  const ground: Ground = {
    redis,
    scripts: loadScripts(),
    run: async () => 1,
    places: (partition) => [keys.life(partition), keys.lostTail(partition)],
    stateOf: async () => ({ whole: false, survived: 0, lastWrite: 0, age: 60_000, awaited: [] }),
  };
  const ending = new AbortController();
  const [begun, repeated] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const healing = createHealing({
    ground,
    log: createOpLog(),
    self: "one",
    repeat: async () => {
      begun.resolve();
      await repeated.promise;
    },
    archived: true,
    logger: world.logger,
    ending: ending.signal,
  });
  const healed = healing.heal(PARTITION);
  await begun.promise;
  const lease = keys.lease(SUCCESSION, PARTITION);
  expect(await redis.get(lease)).toBe("one");
  ending.abort();
  const left = healing.left();
  repeated.resolve();
  await left;
  expect(await redis.exists(lease)).toBe(0);
  await healed;
});
