import { expect, test } from "vitest";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { childOf, redisesOf } from "#test/support/processes.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld, type World } from "#test/support/world.ts";

/** All of Redis: of a cluster the replicas too. */
const allRedis = async (world: World): Promise<number[]> => world.cluster?.nodes.map((node) => node.pid()) ?? redisesOf(world);

test.each(["redis", "clickhouse"] as const)("the %s child killed at random moments under traffic costs nobody a message", async (kind) => {
  const random = createRandom(seedOf(kind));
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  for (let round = 0; round < 4; round++) {
    await chatter.more(random.between(50, 600));
    process.kill(kind === "redis" ? random.pick(await redisesOf(world)) : await childOf(world.dir, kind), "SIGKILL");
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(world.server().log()).not.toContain("failed unexpectedly");
});

test("a Redis that hangs costs callers a temporary 108, and nothing that was acknowledged", async () => {
  const random = createRandom(seedOf("hang"));
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  await chatter.more(random.between(50, 300));
  const conversationId = chatter.conversations[0]?.id;
  const redises = await allRedis(world);
  for (const redis of redises) process.kill(redis, "SIGSTOP");
  try {
    const calls: [string, object][] = [
      ["conversation.list", {}],
      ["conversation.get", { conversationId }],
      ["conversation.create", { kind: "feed", requestId: "feed-1" }],
      ["message.history", { conversationId }],
      ["timeline.sync", { positions: {} }],
      ["unread.get", {}],
    ];
    const codes = await Promise.all(
      calls.map(([method, params]) =>
        world.call("ann", method, params).then(
          () => [method, 0, false],
          ({ cause }: Error) => [method, (cause as { code: number }).code, (cause as { temporary: boolean }).temporary],
        ),
      ),
    );
    expect(codes).toEqual(calls.map(([method]) => [method, 108, true]));
  } finally {
    for (const redis of redises) process.kill(redis, "SIGCONT");
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(world.server().log()).not.toContain("failed unexpectedly");
});
