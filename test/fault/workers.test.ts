import { expect, test } from "vitest";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { startDeployment } from "#test/support/deployment.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { verdict } from "#test/support/verdict.ts";

test.each(["fanout", "archive", "gateway"] as const)(
  "a %s process killed at random moments under traffic costs nobody a message",
  async (role) => {
    const random = createRandom(seedOf(role));
    await using deployment = await startDeployment({ FANOUT_WRITE_MAX: SMALL });
    await using chatter = await startChatter(deployment, random);
    for (let round = 0; round < 3; round++) {
      await chatter.more(random.between(50, 600));
      await deployment.server(role).kill();
      if (role !== "gateway") await chatter.more(random.between(1, 200));
      await deployment.restart(role);
    }
    await chatter.more(100);
    await chatter.stop();
    await verdict(chatter, deployment, deployment.clickhouseUrl);
    if (role !== "gateway") for (const { codes } of chatter.devices) expect(codes).toEqual([0]);
  },
);
