import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KafkaChild } from "#infra/kafka/start.ts";
import type { Message } from "#shared/wire/values.ts";
import { KAFKA_MS, startTestKafka } from "#test/support/kafka.ts";
import { redisesOf, workersOf } from "#test/support/processes.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { createDevice, group, hears, range, seqsOf, type Device } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { startWorld } from "#test/support/world.ts";

const USERS = ["ann", "bob", "cid"];
const ROUNDS = 3;

describe.each(["Redis", "Kafka"])("accepted into a log in %s", (carrier) => {
  let kafka: KafkaChild | null = null;
  beforeAll(async () => void (kafka = carrier === "Kafka" ? await startTestKafka() : null), KAFKA_MS);
  afterAll(() => kafka?.[Symbol.asyncDispose]());

  test("is what is committed, once and in the sender's order, whatever is killed between", async () => {
    const random = createRandom(seedOf(`accepted ${carrier}`));
    await using world = await startWorld({
      SEND_ACK: "accepted",
      PROCESSES: "2",
      ...(kafka === null ? {} : { KAFKA_BROKERS: kafka.brokers }),
    });
    const devices = USERS.map((user) => createDevice({ socket: world.socket(), user, token: () => world.token(user) }));
    await Promise.all(devices.map((device) => device.connect()));
    const trio = await group(devices[0] as Device, "Trio", USERS.slice(1));
    const accepted = new Map(USERS.map((user) => [user, 0]));
    let over = false;

    /** Sends the next when the one before was accepted, and the same again until it is. */
    async function talk(device: Device): Promise<void> {
      for (let n = 1; !over; n++) {
        for (let answered = false; !answered;) {
          answered = await device.send(trio.id, `${device.user} ${n}`, `${device.user}-${n}`).then(
            () => true,
            () =>
              device.connected().then(
                () => false,
                () => false,
              ),
          );
        }
        accepted.set(device.user, n);
      }
    }
    const total = () => [...accepted.values()].reduce((sum, n) => sum + n, 0);
    const talking = Promise.all(devices.map(talk));
    const more = async (n: number) => {
      const wanted = total() + n;
      await until(
        () => total() >= wanted,
        60_000,
        () => `${wanted} accepted sends, there are ${total()}`,
      );
    };
    for (const round of range(1, ROUNDS)) {
      await more(random.between(50, 300));
      if (round === 1) process.kill(random.pick(await redisesOf(world)), "SIGKILL");
      else if (round === 2 && kafka !== null) {
        await kafka.kill();
        await kafka.start();
      } else process.kill(random.pick(workersOf(world.dir, world.server().pid)), "SIGKILL");
    }
    await more(50);
    over = true;
    await talking;

    for (const device of devices) {
      await hears(device, trio.id, total(), 60_000);
      expect(seqsOf(device.heard(trio.id))).toEqual(range(1, total()));
      for (const user of USERS) {
        const own = device.heard(trio.id).flatMap(({ text }) => (text?.startsWith(`${user} `) === true ? [text] : []));
        expect(own).toEqual(range(1, accepted.get(user) ?? 0).map((n) => `${user} ${n}`));
      }
      expect(device.events.filter(({ data }) => data["type"] === "rejected")).toEqual([]);
    }
    const { messages } = await world.call<{ messages: Message[] }>("ann", "message.history", { conversationId: trio.id, limit: 1 });
    expect(messages[0]?.seq).toBe(total());
    for (const device of devices) device[Symbol.dispose]();
  });
});
