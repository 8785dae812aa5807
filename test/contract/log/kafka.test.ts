import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { keys } from "#shared/hot/keys.ts";
import { prepareKafka } from "#shared/log/kafka-start.ts";
import { kafkaTail } from "#shared/log/kafka-tail.ts";
import { KAFKA_MS } from "#test/support/kafka.ts";
import { range } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { committedContract } from "./committed.ts";
import { sendsContract } from "./sends.ts";
import { fresh, linesOf, startKafkaLogs, Taken, type TestKafkaLogs, write } from "./servers.ts";

const PATIENCE = 40_000;

let world: TestKafkaLogs;
beforeAll(async () => void (world = await startKafkaLogs()), KAFKA_MS);
afterAll(() => world?.[Symbol.asyncDispose]());

committedContract(() => world);
sendsContract(() => world);

const has = (taken: Taken, count: number) =>
  until(
    () => taken.count >= count,
    PATIENCE,
    () => `${count} lines of ${taken.word}, there are ${taken.count}`,
  );

test("what a relay brings a second time after a crash is given once", async () => {
  const taken = new Taken(fresh());
  const { redis } = world;
  const before = await redis.hot.redis.get(keys.cursor("relay", 5));
  await using _consumer = world.committed[0].consume({ consumer: fresh(), handle: async (batch) => taken.take(batch) });
  for (const n of range(1, 10)) await write(redis, 5, linesOf(taken.word, n));
  await has(taken, 40);
  await world.relay.stop();
  await redis.hot.redis.set(keys.cursor("relay", 5), before ?? "0-0");
  world.relay.start();
  await write(redis, 5, linesOf(taken.word, 11));
  await has(taken, 44);
  expect(taken.byPartition.get(5)).toEqual(range(1, 11).flatMap((n) => linesOf(taken.word, n)));
});

test("what Kafka has and the fan-out has handled leaves the outbox, but for the last entry", async () => {
  const taken = new Taken(fresh());
  const { redis } = world.redis.hot;
  for (const n of range(1, 5)) await write(world.redis, 6, linesOf(taken.word, n));
  await until(
    async () => (await redis.get(keys.cursor("relay", 6))) === (await redis.xrevrange(keys.outbox(6), "+", "-", "COUNT", 1))[0]?.[0],
    PATIENCE,
    () => "a relay at the end",
  );
  expect(await redis.xlen(keys.outbox(6))).toBeGreaterThanOrEqual(5);
  await using _consumer = world.committed[0].consume({ consumer: "fanout", handle: async (batch) => taken.take(batch) });
  await until(
    async () => (await redis.xlen(keys.outbox(6))) === 1,
    PATIENCE,
    () => "an outbox with one entry",
  );
  expect(taken.count).toBe(20);
});

test("a tail gives whole entries behind a position, keeps what is not saved for a successor, and waits for the end of a batch begun", async () => {
  const word = fresh();
  const ids: string[] = [];
  for (const n of range(1, 6)) ids.push(await write(world.redis, 1, linesOf(word, n)));
  const [consumer, before] = [fresh(), "0-0"];
  const own = (found: { lines: string[] }[]) => found.map(({ lines }) => lines).filter(([line]) => line?.includes(word));
  {
    await using tail = kafkaTail(world.client, consumer);
    tail.follow(true);
    const [found = []] = await tail.read([{ partition: 1, after: before, until: ids[3] }], 10_000);
    expect(own(found)).toEqual(range(1, 4).map((n) => linesOf(word, n)));
    tail.saved(new Map([[1, ids[1] as string]]));
  }
  await using tail = kafkaTail(world.client, consumer);
  tail.follow(true);
  const [found = []] = await tail.read([{ partition: 1, after: ids[1] as string, until: ids[5] }], 10_000);
  expect(own(found)).toEqual(range(3, 6).map((n) => linesOf(word, n)));
});

test("while Kafka hangs appends wait or are refused, and what was written flows after", async () => {
  const taken = new Taken(fresh());
  await using _consumer = world.committed[0].consume({ consumer: fresh(), handle: async (batch) => taken.take(batch) });
  await write(world.redis, 2, linesOf(taken.word, 1));
  await has(taken, 4);
  process.kill(world.kafka.pid(), "SIGSTOP");
  try {
    for (const n of range(2, 10)) await write(world.redis, 2, linesOf(taken.word, n));
    await expect(world.sends[0].append(new Map([[0, ["ann 7 -"]]]))).rejects.toThrow();
  } finally {
    process.kill(world.kafka.pid(), "SIGCONT");
  }
  await has(taken, 40);
  expect(taken.byPartition.get(2)).toEqual(range(1, 10).flatMap((n) => linesOf(taken.word, n)));
});

test("a Kafka that was killed is found again, and nothing lacks or comes out of order", async () => {
  const taken = new Taken(fresh());
  await using _consumer = world.committed[0].consume({ consumer: fresh(), handle: async (batch) => taken.take(batch) });
  for (const n of range(1, 10)) await write(world.redis, 4, linesOf(taken.word, n));
  await world.kafka.kill();
  for (const n of range(11, 20)) await write(world.redis, 4, linesOf(taken.word, n));
  await world.kafka.start();
  await has(taken, 80);
  expect(taken.byPartition.get(4)).toEqual(range(1, 20).flatMap((n) => linesOf(taken.word, n)));
});

test("a Kafka that does not answer, or has too few partitions, is told in one line with setting, address and cause", async () => {
  const { logger } = world.redis;
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const mute = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const wrong: [brokers: string, partitions: number, words: RegExp][] = [
    ["127.0.0.1:1", 8, /^KAFKA_BROKERS names 127\.0\.0\.1:1, where no Kafka serves: [^\n]*ECONNREFUSED[^\n]*$/],
    ["no.such.host.invalid:9092", 8, /^KAFKA_BROKERS names no\.such\.host\.invalid:9092, where no Kafka serves: [^\n]+$/],
    [mute, 8, /^KAFKA_BROKERS names 127\.0\.0\.1:\d+, where no Kafka serves: [^\n]+$/],
    [world.kafka.brokers, 16, /^KAFKA_PARTITIONS is 16, but the topic tributary\.\w+ at 127\.0\.0\.1:\d+ has only 8 partitions: [^\n]+$/],
  ];
  for (const [brokers, partitions, words] of wrong) {
    await expect(prepareKafka({ brokers: [brokers], partitions }, logger)).rejects.toThrow(words);
  }
  await prepareKafka({ brokers: [world.kafka.brokers], partitions: 8 }, logger);
});
