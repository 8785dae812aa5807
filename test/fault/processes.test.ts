import { expect, test } from "vitest";
import { openHot } from "#shared/hot/redis.ts";
import { userState } from "#shared/hot/users.ts";
import { createLogger } from "#shared/run/logger.ts";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { startTestKafka } from "#test/support/kafka.ts";
import { metric } from "#test/support/metrics.ts";
import { allEnded, processesOf, workersOf } from "#test/support/processes.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { group, hears, range, type Device } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld, type World } from "#test/support/world.ts";

const PROCESSES = 3;
const ROUNDS = 4;

const workers = (world: World): number[] => workersOf(world.dir, world.server().pid);

/** Waits until as many serve as should, none of them among those killed. */
function complete(world: World, killed: readonly number[]): Promise<void> {
  const serving = () => workers(world).filter((pid) => !killed.includes(pid)).length;
  return until(
    async () =>
      serving() === PROCESSES &&
      [
        ...world
          .server()
          .log()
          .matchAll(/"a worker serves in place/g),
      ].length >= killed.length,
    30_000,
    () => `${PROCESSES} workers, there are ${serving()}`,
  );
}

test("a worker killed again and again under traffic costs nobody a message, and another one takes its place", async () => {
  const random = createRandom(seedOf("worker"));
  await using world = await startWorld({ PROCESSES: String(PROCESSES), FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  const killed: number[] = [];
  let counted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await chatter.more(random.between(50, 600));
    await Promise.all(chatter.devices.map((device) => device.connected()));
    const worker = random.pick(workers(world));
    process.kill(worker, "SIGKILL");
    killed.push(worker);
    await chatter.more(random.between(1, 200));
    await complete(world, killed);
    const records = await metric(world.http(), "tributary_fanout_records_total");
    expect(records).toBeGreaterThanOrEqual(counted);
    counted = records;
  }
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  expect(chatter.devices.some(({ codes }) => codes.length > 1)).toBe(true);
  await using hot = await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" }));
  // A device may be back before the others have struck off the node that died.
  for (const { user } of chatter.devices) {
    let nodes: string[] = [];
    const one = async () => (nodes = (await userState(hot, user)).nodes).length === 1;
    await until(one, 10_000, () => `${user} on one node, is on ${nodes.join(", ")}`);
  }
  await world.server().stop();
  expect(processesOf(world.dir)).toEqual([]);
});

test.each(["Redis Streams", "Kafka"])("the partitions of a killed worker are worked by the others within seconds, over %s", async (log) => {
  await using kafka = log === "Kafka" ? await startTestKafka() : null;
  const carried = kafka === null ? {} : { KAFKA_BROKERS: kafka.brokers };
  await using world = await startWorld({ PROCESSES: String(PROCESSES), FANOUT_WRITE_MAX: SMALL, ...carried });
  await using chatter = await startChatter(world, createRandom(1));
  const ann = chatter.devices[0] as Device;
  // Conversations made one after the other lie in partitions of their own.
  const conversations = [];
  for (const n of range(1, 8)) conversations.push(await group(ann, `Partition ${n}`, []));
  const worker = workers(world)[0] ?? 0;
  process.kill(worker, "SIGKILL");
  const from = performance.now();
  await ann.connected();
  for (const { id } of conversations) {
    for (let answered = false; !answered;) {
      answered = await ann.send(id, "hello", `hello-${id}`).then(
        () => true,
        () => ann.connected().then(() => false),
      );
    }
  }
  await Promise.all(conversations.map(({ id }) => hears(ann, id, 1, 10_000)));
  process.stdout.write(`${log}: taken over after ${((performance.now() - from) / 1_000).toFixed(1)} s\n`);
});

test("all workers killed at once, and then the one that watches them: everything is found again and no process is left", async () => {
  const random = createRandom(seedOf("steward"));
  await using world = await startWorld({ PROCESSES: String(PROCESSES), FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  await chatter.more(random.between(50, 300));
  const first = workers(world);
  for (const pid of first) process.kill(pid, "SIGKILL");
  await complete(world, first);
  await chatter.more(random.between(50, 300));
  await world.server().kill();
  await allEnded(world.dir);
  await world.restart();
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
});

test("workers that are asked to stop tell their clients 3001 and end cleanly", async () => {
  const random = createRandom(seedOf("stop of many"));
  await using world = await startWorld({ PROCESSES: String(PROCESSES), FANOUT_WRITE_MAX: SMALL });
  await using chatter = await startChatter(world, random);
  await chatter.more(random.between(100, 400));
  await world.server().stop();
  expect(processesOf(world.dir)).toEqual([]);
  expect(
    world
      .server()
      .log()
      .match(/"msg":"stopped"/g),
  ).toHaveLength(PROCESSES + 1);
  expect(world.server().log()).not.toContain("cut short while it stopped");
  for (const { user, codes } of chatter.devices) expect({ user, codes: codes.slice(0, 2) }).toEqual({ user, codes: [0, 3001] });
  await world.restart();
  await chatter.more(100);
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
});
