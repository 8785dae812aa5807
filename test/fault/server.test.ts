import { expect, test } from "vitest";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { processesOf } from "#test/support/processes.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld } from "#test/support/world.ts";

const ROUNDS = 4;

test("a server that is killed again and again under traffic loses nothing, doubles nothing and leaves no process", async () => {
  const random = createRandom(seedOf("server"));
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  for (let round = 0; round < ROUNDS; round++) {
    await chatter.more(random.between(50, 600));
    // A device that is still on its way back from the round before would not feel this one.
    await Promise.all(chatter.devices.map((device) => device.connected()));
    await world.server().kill();
    await world.restart();
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  for (const { codes } of chatter.devices) expect(codes.length).toBeGreaterThan(ROUNDS);
  await world.server().stop();
  expect(processesOf(world.dir)).toEqual([]);
});

test("a server that is asked to stop tells its clients 3001, ends cleanly, and finds everything again", async () => {
  const random = createRandom(seedOf("stop"));
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  await chatter.more(random.between(100, 400));
  await world.server().stop();
  expect(world.server().log()).toContain('"msg":"stopped"');
  expect(processesOf(world.dir)).toEqual([]);
  for (const { user, codes } of chatter.devices) expect({ user, codes: codes.slice(0, 2) }).toEqual({ user, codes: [0, 3001] });
  await world.restart();
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
});
