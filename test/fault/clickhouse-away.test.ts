import { expect, test } from "vitest";
import { SMALL, startChatter, type Chatter } from "#test/support/chatter.ts";
import { startDeployment, type Deployment } from "#test/support/deployment.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import type { Device } from "#test/support/sdk-device.ts";
import { tell } from "#test/support/story.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";

interface Page {
  messages: { seq: number }[];
  tiers: { hot: number; warm: number; cold: number };
  more: boolean;
}

/** Sends go on, and so does what is hot; what is only archived is answered with a temporary 108, and `more` says that there is some. */
async function goesOn(deployment: Deployment, chatter: Chatter, long: string): Promise<void> {
  await chatter.more(500);
  const newest = await deployment.call<Page>("ann", "message.history", { conversationId: long, limit: 200 });
  expect(newest.messages).toHaveLength(200);
  expect(newest).toMatchObject({ tiers: { hot: 200, warm: 0, cold: 0 }, more: true });
  const oldest = deployment.call("ann", "message.history", { conversationId: long, before: 250, limit: 20 });
  await expect(oldest).rejects.toMatchObject({ cause: { code: 108, temporary: true } });
  const cut = deployment
    .server("gateway")
    .log()
    .split("\n")
    .filter((line) => line.includes("caught up"));
  expect({ codes: chatter.devices.map(({ codes }) => codes), cut }).toEqual({ codes: chatter.devices.map(() => [0]), cut: [] });
}

test.each([
  [
    "hangs",
    async (deployment: Deployment) => {
      const pid = deployment.clickhouse().pid();
      process.kill(pid, "SIGSTOP");
      return async () => void process.kill(pid, "SIGCONT");
    },
  ],
  ["is stopped and stays away", (deployment: Deployment) => deployment.withoutClickHouse()],
] as const)("while ClickHouse %s sends and hot history go on, and all of it is archived afterwards", async (_name, away) => {
  const random = createRandom(seedOf("clickhouse away"));
  await using deployment = await startDeployment({ FANOUT_WRITE_MAX: SMALL, FANOUT_WRITE_BUDGET: "0" });
  await using chatter = await startChatter(deployment, random);
  await chatter.more(100);
  const { conversation } = await deployment.call<{ conversation: { id: string } }>("ann", "conversation.create", {
    kind: "group",
    title: "Long",
    members: [],
  });
  const long = conversation.id;
  await tell(chatter.devices[0] as Device, long, 1_500);
  await until(
    async () => (await deployment.call<Page>("ann", "message.history", { conversationId: long, before: 50 })).tiers.warm > 0,
    40_000,
    () => "the oldest messages in the warm tier only",
  );
  const back = await away(deployment);
  try {
    await goesOn(deployment, chatter, long);
  } finally {
    await back();
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, deployment, deployment.clickhouseUrl);
});
