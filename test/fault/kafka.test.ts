import { afterAll, beforeAll, expect, test } from "vitest";
import type { KafkaChild } from "#infra/kafka/start.ts";
import { type Chatter, SMALL, startChatter } from "#test/support/chatter.ts";
import { KAFKA_MS, startTestKafka } from "#test/support/kafka.ts";
import { metric } from "#test/support/metrics.ts";
import { allEnded, workersOf } from "#test/support/processes.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { range, type Device } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld } from "#test/support/world.ts";

/** What waited comes all at once when Kafka is back: no group is to go to read mode by that here. */
const settings = { FANOUT_WRITE_MAX: SMALL, FANOUT_WRITE_BUDGET: "0" };
const ROUNDS = 2;
/** What waits for Kafka is never more than a reconnect can give whoever was away. */
const FEW = "100";
/** Code of a send that is asked to come again later. */
const REFUSED = 111;

/** Waits until so many more are acknowledged, or the outbox is full: what is sent while Kafka is away stays in it. */
async function moreWhileThereIsRoom(chatter: Chatter, n: number): Promise<void> {
  const refused = () => chatter.refusals.get(REFUSED) ?? 0;
  const before = refused();
  await chatter.more(n, 60_000, () => refused() > before);
}

let kafka: KafkaChild;
beforeAll(async () => void (kafka = await startTestKafka()), KAFKA_MS);
afterAll(() => kafka?.[Symbol.asyncDispose]());

test("Kafka, workers and whole servers killed in turn under traffic lose nothing and double nothing", async () => {
  const random = createRandom(seedOf("kafka"));
  await using world = await startWorld({ KAFKA_BROKERS: kafka.brokers, ...settings, OUTBOX_MAX: FEW, PROCESSES: "2" });
  await using chatter = await startChatter(world, random);
  for (const round of range(1, ROUNDS)) {
    await chatter.more(random.between(50, 400));
    await kafka.kill();
    await moreWhileThereIsRoom(chatter, random.between(1, 200));
    await kafka.start();
    await chatter.more(random.between(50, 400));
    await Promise.all(chatter.devices.map((device) => device.connected()));
    if (round % 2 === 1) {
      process.kill(random.pick(workersOf(world.dir, world.server().pid)), "SIGKILL");
    } else {
      await world.server().kill();
      await allEnded(world.dir);
      await world.restart();
    }
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(world.server().log()).not.toContain("failed unexpectedly");
});

test("while Kafka hangs sends go on up to the outbox' bound, then are asked to come again, and everything flows after", async () => {
  const random = createRandom(seedOf("kafka hangs"));
  await using world = await startWorld({ KAFKA_BROKERS: kafka.brokers, ...settings, OUTBOX_MAX: "300" });
  await using chatter = await startChatter(world, random);
  await chatter.more(100);
  const [ann] = chatter.devices as [Device];
  expect(chatter.refusals).toEqual(new Map());
  process.kill(kafka.pid(), "SIGSTOP");
  const before = chatter.acknowledged();
  try {
    await until(
      () => chatter.refusals.has(REFUSED),
      120_000,
      () => `a refusal with 111, there are ${[...chatter.refusals.keys()].join(", ")}`,
    );
    expect(chatter.acknowledged() - before).toBeGreaterThan(200);
    await until(
      async () => (await metric(world.http(), "tributary_log_lag_records", 'consumer="relay"')) > 200,
      30_000,
      () => "a relay that is said to be behind",
    );
    await ann.rpc("conversation.list", {});
  } finally {
    process.kill(kafka.pid(), "SIGCONT");
  }
  await chatter.more(200);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  await until(
    async () => (await metric(world.http(), "tributary_log_lag_records")) === 0,
    30_000,
    () => "nobody behind",
  );
});
