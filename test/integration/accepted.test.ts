import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KafkaChild } from "#infra/kafka/start.ts";
import type { Conversation, Message } from "#shared/wire/values.ts";
import { KAFKA_MS, startTestKafka } from "#test/support/kafka.ts";
import { metric } from "#test/support/metrics.ts";
import { createDevice, freshId, group, hears, range, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

describe.each(["Redis", "Kafka"])("sends accepted into a log in %s", (carrier) => {
  let kafka: KafkaChild | null = null;
  let world: World;
  /** Two devices of ann, on two gateways. */
  let ann: [Device, Device];
  let bob: Device;
  let trio: Conversation;

  beforeAll(async () => {
    if (carrier === "Kafka") kafka = await startTestKafka();
    world = await startWorld({ SEND_ACK: "accepted", PROCESSES: "2", ...(kafka === null ? {} : { KAFKA_BROKERS: kafka.brokers }) });
    const device = (user: string) => createDevice({ socket: world.socket(), user, token: () => world.token(user) });
    ann = [device("ann"), device("ann")];
    bob = device("bob");
    for (const one of [...ann, bob]) await one.connect();
    trio = await group(ann[0], "Trio", ["bob", "cid"]);
  }, KAFKA_MS);

  afterAll(async () => {
    for (const one of [...(ann ?? []), ...(bob === undefined ? [] : [bob])]) one[Symbol.dispose]();
    const errors = errorsIn(world?.server().log() ?? "");
    await world?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
    expect(errors).toEqual([]);
  });

  const draft = (more: object = {}) => ({
    conversationId: trio.id,
    clientMsgId: freshId(),
    kind: "text",
    body: { text: "hello" },
    ...more,
  });
  const rejectedOn = (device: Device, clientMsgId: string) =>
    device.events.filter(({ data }) => data["type"] === "rejected" && data["clientMsgId"] === clientMsgId);

  test("are answered as accepted, and come to every device in the order they were sent, whichever gateway took them", async () => {
    for (const n of range(1, 40)) expect(await (ann[n % 2] as Device).send(trio.id, `ann ${n}`)).toEqual({ accepted: true });
    for (const device of [...ann, bob]) {
      await hears(device, trio.id, 40);
      expect(device.heard(trio.id).map(({ text }) => text)).toEqual(range(1, 40).map((n) => `ann ${n}`));
    }
  });

  test("with one client message id are one message, also beside other sends of the same moment", async () => {
    const same = draft({ body: { text: "once" } });
    const before = bob.heard(trio.id).length;
    const answers = await Promise.all(
      range(1, 20).map((n) => (ann[n % 2] as Device).rpc("message.send", n % 4 === 0 ? draft({ body: { text: `other ${n}` } }) : same)),
    );
    expect(answers).toEqual(answers.map(() => ({ accepted: true })));
    await hears(bob, trio.id, before + 6);
    await ann[0].send(trio.id, "the last");
    await hears(bob, trio.id, before + 7);
    const texts = bob
      .heard(trio.id)
      .slice(before)
      .map(({ text }) => text);
    expect(texts.filter((text) => text === "once")).toHaveLength(1);
    expect(texts).toHaveLength(7);
    const { messages } = await world.call<{ messages: Message[] }>("bob", "message.history", { conversationId: trio.id, limit: 10 });
    expect(messages.filter(({ clientMsgId }) => clientMsgId === same.clientMsgId)).toHaveLength(1);
  });

  test("that may not be committed come back as rejected on all devices of the sender, and on nobody else's", async () => {
    const { conversation } = await bob.rpc<{ conversation: Conversation }>("conversation.create", {
      kind: "group",
      title: "Without Ann",
      members: ["cid"],
    });
    const [allowed, refused] = [draft({ body: { text: "allowed" } }), draft({ conversationId: conversation.id })];
    const heard = bob.heard(trio.id).length;
    expect(await ann[0].rpc("message.send", refused)).toEqual({ accepted: true });
    expect(await ann[0].rpc("message.send", allowed)).toEqual({ accepted: true });
    for (const device of ann) {
      await until(
        () => rejectedOn(device, refused.clientMsgId).length > 0,
        20_000,
        () => "a rejected event",
      );
      const [event] = rejectedOn(device, refused.clientMsgId);
      expect(event).toEqual({
        channel: "live:ann",
        data: {
          type: "rejected",
          conversationId: conversation.id,
          clientMsgId: refused.clientMsgId,
          error: { code: 103, message: expect.any(String), temporary: false },
        },
      });
    }
    await hears(bob, trio.id, heard + 1);
    expect(rejectedOn(bob, refused.clientMsgId)).toEqual([]);
    expect(bob.heard(conversation.id)).toEqual([]);
    await until(
      async () => (await metric(world.http(), "tributary_accepted_sends_total", 'outcome="rejected"')) === 1,
      20_000,
      () => "one rejected send in the metrics",
    );
  });

  test("are refused at once where the shape is wrong or one of the two blocks the other", async () => {
    const wrong = (params: object) =>
      world.call("ann", "message.send", params).then(
        () => 0,
        ({ cause }: Error) => (cause as { code: number }).code,
      );
    expect(await wrong(draft({ kind: "poem" }))).toBe(107);
    const { conversation } = await ann[0].rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "dan" });
    await ann[0].send(conversation.id, "hello Dan");
    await world.call("dan", "relation.block", { user: "ann" });
    expect(await wrong(draft({ conversationId: conversation.id }))).toBe(103);
  });
});
