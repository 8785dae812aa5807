import { afterAll, beforeAll, expect, test } from "vitest";
import { createEntries } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import { userState } from "#shared/hot/users.ts";
import { eventPointer } from "#shared/wire/pointer.ts";
import type { WatchUser } from "#shared/wire/ports.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { createSync } from "./sync.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

let written = 0;
/** An event of the user's own arrives in the inbox. */
async function write(user: string): Promise<void> {
  const pointer = eventPointer("V", "7", 0, 5, "-", JSON.stringify({ type: "read", readSeq: (written += 1) }));
  await world.hot.redis.rpush(keys.inbox(user), pointer);
  await world.hot.redis.hincrby(keys.user(user), "o", 1);
}

/** A long poll; `wake` is what happens at each wait, in turn. */
async function poll(user: string, positions: object, wake: (() => Promise<void>)[]) {
  const { hot } = world;
  const watch: WatchUser = async () => ({
    arrived: async () => {
      const next = wake.shift();
      if (next === undefined) throw new Error("nothing more was to come");
      await next();
    },
    [Symbol.dispose]: () => {},
  });
  const sync = createSync({ hot, entries: createEntries(hot, null), coldPointers: null }, watch);
  return (await sync({ positions, wait: 30 } as never, { user, session: null })) as {
    publications: { offset: number }[];
    positions: object;
  };
}

test("a long poll answers with what comes, and sleeps over pushes that bring nothing", async () => {
  const { epoch } = await userState(world.hot, "ann");
  const wakes = [async () => {}, async () => {}, () => write("ann")];
  const { publications, positions } = await poll("ann", { "inbox:ann": { epoch, offset: 0 } }, wakes);
  expect(publications.map(({ offset }) => offset)).toEqual([1]);
  expect(positions).toEqual({ "inbox:ann": { epoch, offset: 1 } });
});

test("a long poll answers at once with what is there already", async () => {
  const { epoch } = await userState(world.hot, "bob");
  await write("bob");
  expect((await poll("bob", { "inbox:bob": { epoch, offset: 0 } }, [])).publications).toHaveLength(1);
});

test("a long poll without a position in the inbox is told at once where to start, so that nothing is passed over", async () => {
  await write("cyd");
  const { epoch } = await userState(world.hot, "cyd");
  expect(await poll("cyd", {}, [])).toMatchObject({ publications: [], positions: { "inbox:cyd": { epoch, offset: 1 } } });
});
