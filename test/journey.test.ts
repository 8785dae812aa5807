import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Conversation, Positions } from "#shared/wire/values.ts";
import { startDeployment } from "./support/deployment.ts";
import { KAFKA_MS, startTestKafka } from "./support/kafka.ts";
import { createDevice, group, hears, range, seqsOf, type Device } from "./support/sdk-device.ts";
import { errorsIn } from "./support/server-log.ts";
import { analyst, conversationsOf, scroll, syncAll, tell, tellUntil, walkTimeline, type Stage } from "./support/story.ts";
import { onStack } from "./support/stack.ts";
import { until } from "./support/until.ts";
import { startWorld } from "./support/world.ts";

/** A busy group must not go to read mode by traffic here: its size decides. */
const settings = { FANOUT_WRITE_BUDGET: "0" };

async function oneServer(processes: number): Promise<Stage> {
  const world = await startWorld({ ...settings, PROCESSES: String(processes) });
  return {
    socket: world.socket(),
    token: world.token,
    call: world.call,
    clickhouseUrl: world.endpoints().clickhouseUrl,
    logs: () => [world.server().log()],
    end: () => world[Symbol.asyncDispose](),
  };
}

async function aProcessARole(more: Record<string, string> = {}): Promise<Stage> {
  const deployment = await startDeployment({ ...settings, ...more });
  return {
    socket: deployment.socket(),
    token: deployment.token,
    call: deployment.call,
    clickhouseUrl: deployment.clickhouseUrl,
    logs: () => (["gateway", "fanout", "archive"] as const).map((role) => deployment.server(role).log()),
    end: () => deployment[Symbol.asyncDispose](),
  };
}

/** Kafka carries the log between them. */
async function overKafka(): Promise<Stage> {
  const kafka = await startTestKafka();
  const stage = await aProcessARole({ KAFKA_BROKERS: kafka.brokers });
  return {
    ...stage,
    async end() {
      await stage.end();
      await kafka[Symbol.asyncDispose]();
    },
  };
}

const everyShape: [string, () => Promise<Stage>][] = [
  ["two processes on one port", () => oneServer(2)],
  ["a process for each role", () => aProcessARole()],
];
const embeddedShapes: [string, () => Promise<Stage>][] = [
  ["one process", () => oneServer(1)],
  ["a process for each role, over Kafka", overKafka],
];

describe.each([...everyShape, ...(onStack ? [] : embeddedShapes)])("in %s", (_name, start) => {
  let stage: Stage;
  let ann: Device;
  let bob: Device;
  let single: Conversation;
  let trio: Conversation;
  let crowd: Conversation;
  const device = (user: string, data?: object): Device =>
    createDevice({ socket: stage.socket, user, token: () => stage.token(user), ...(data === undefined ? {} : { data }) });

  beforeAll(async () => {
    stage = await start();
    [ann, bob] = [device("ann"), device("bob")];
    await Promise.all([ann.connect(), bob.connect()]);
  }, KAFKA_MS);

  afterAll(async () => {
    for (const one of [ann, bob]) one[Symbol.dispose]();
    const errors = stage.logs().flatMap(errorsIn);
    await stage.end();
    expect(errors).toEqual([]);
  });

  const inboxOf = ({ user, subscribed }: Device) => subscribed.find(({ channel }) => channel === `inbox:${user}`);

  test("two users talk in a single and in a group, and each hears everything once and in order", async () => {
    single = (await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "bob" })).conversation;
    trio = await group(ann, "Trio", ["bob", "cid"]);
    for (const { id } of [single, trio]) await Promise.all([tell(ann, id, 10), tell(bob, id, 10)]);
    for (const listener of [ann, bob]) {
      for (const { id } of [single, trio]) {
        await hears(listener, id, 20);
        const heard = listener.heard(id);
        expect(seqsOf(heard)).toEqual(range(1, 20));
        expect(heard.map(({ prev, count }) => [prev, count])).toEqual(range(1, 20).map((seq) => [seq - 1, seq]));
        for (const speaker of ["ann", "bob"]) {
          const own = heard.flatMap(({ text }) => (text?.startsWith(speaker) === true ? [Number(text.split(" ")[1])] : []));
          expect(own).toEqual(range(1, 10));
        }
      }
    }
  });

  test("a device that was away for 300 messages recovers them in order on the same SDK object", async () => {
    bob.away();
    await tell(ann, trio.id, 300);
    await bob.connect();
    expect(inboxOf(bob)).toMatchObject({ wasRecovering: true, recovered: true });
    await hears(bob, trio.id, 320);
    expect(seqsOf(bob.heard(trio.id))).toEqual(range(1, 320));
  });

  test("one that was away for 1,500 is told so, and ends in the same state by list and history, or by timeline.sync", async () => {
    bob.away();
    const positions: Positions = { ...bob.positions };
    await tell(ann, trio.id, 1_500);
    // Answers do not wait for fan-out: what is under way when bob comes back would reach him as live entries besides.
    await hears(ann, trio.id, 1_820);
    await bob.connect();
    expect(inboxOf(bob)).toMatchObject({ wasRecovering: true, recovered: false });
    const known = ann.heard(trio.id).map(({ seq, text }) => [seq, text]);
    const scrolled = await scroll(bob, trio.id, 320);
    expect([...bob.heard(trio.id), ...scrolled].map(({ seq, text }) => [seq, text])).toEqual(known);
    const synced = await syncAll(bob, positions, trio.id);
    expect(synced.lost).toEqual([]);
    expect(synced.entries.map(({ seq, text }) => [seq, text])).toEqual(known.slice(320));
    expect(synced.positions[`inbox:bob`]).toEqual(bob.positions["inbox:bob"]);
    await tell(ann, trio.id, 1);
    await hears(bob, trio.id, 1_821);
    expect(seqsOf(bob.heard(trio.id))).toEqual([...range(1, 320), 1_821]);
  });

  test("a fresh SDK object recovers from the positions that the app stored", async () => {
    const positions = { ...bob.positions };
    bob.away();
    await tell(ann, single.id, 50);
    await hears(ann, single.id, 70);
    const before = bob.heard(single.id);
    bob = device("bob", { device: "web", positions });
    await bob.connect();
    expect(inboxOf(bob)).toMatchObject({ wasRecovering: true, recovered: true });
    await hears(bob, single.id, 70);
    expect(seqsOf([...before, ...bob.heard(single.id)])).toEqual(range(1, 70));
  });

  test("a group of 600 goes to read mode and back while both talk: every entry once, in order, through inbox, channel and inbox", async () => {
    const members = range(1, 600).map((i) => `member-${i}`);
    crowd = await group(ann, "Crowd", ["bob", ...members.slice(0, 400)]);
    expect(crowd.mode).toBe("write");
    const of = { conversationId: crowd.id };
    const over = new AbortController();
    const talking = Promise.all([tellUntil(ann, crowd.id, over.signal), tellUntil(bob, crowd.id, over.signal)]);
    await hears(ann, crowd.id, 40);
    await ann.rpc("conversation.add", { ...of, users: members.slice(400) });
    const read = await ann.rpc<{ conversation: Conversation }>("conversation.get", of);
    expect(read.conversation).toMatchObject({ members: 602, mode: "read" });
    await hears(bob, crowd.id, read.conversation.seq + 60);
    await ann.rpc("conversation.remove", { ...of, users: members.slice(300) });
    const switched = await ann.rpc<{ conversation: Conversation }>("conversation.get", of);
    await hears(bob, crowd.id, switched.conversation.seq + 20);
    over.abort();
    const counts = await talking;
    const said = counts.reduce((sum, n) => sum + n, 0);
    ({ conversation: crowd } = await bob.rpc<{ conversation: Conversation }>("conversation.get", of));
    // Two entries of members, two of modes.
    expect(crowd).toMatchObject({ members: 302, mode: "write", seq: said + 4, count: said });
    for (const listener of [ann, bob]) {
      await hears(listener, crowd.id, crowd.seq);
      const heard = listener.heard(crowd.id);
      expect(seqsOf(heard)).toEqual(range(1, crowd.seq));
      const [toRead = 0, toWrite = 0] = heard.filter(({ type }) => type === "mode").map(({ seq }) => seq);
      const [inbox, channel] = [`inbox:${listener.user}`, `conversation:${crowd.id}`];
      expect(toRead).toBeGreaterThan(40);
      expect(toWrite).toBeGreaterThan(toRead + 60);
      expect(heard.map((entry) => entry.channel)).toEqual(heard.map(({ seq }) => (seq <= toRead || seq > toWrite ? inbox : channel)));
      for (const [i, speaker] of ["ann", "bob"].entries()) {
        const own = heard.flatMap(({ text }) => (text?.startsWith(speaker) === true ? [Number(text.split(" ")[1])] : []));
        expect(own).toEqual(range(1, counts[i] ?? 0));
      }
    }
  });

  test("history is scrolled from the hot tier into ClickHouse with no seam, and an analyst counts the same", async () => {
    const page = { conversationId: trio.id, before: 200, limit: 50 };
    let tiers = { hot: 0, warm: 0, cold: 0 };
    await until(
      async () => {
        ({ tiers } = await ann.rpc<{ tiers: typeof tiers }>("message.history", page));
        return tiers.warm > 0;
      },
      40_000,
      () => `the oldest messages in the warm tier only: ${JSON.stringify(tiers)}`,
    );
    const all = await scroll(ann, trio.id, 0);
    expect(all.map(({ seq, text }) => [seq, text])).toEqual(ann.heard(trio.id).map(({ seq, text }) => [seq, text]));
    expect(all.tiers.hot).toBeGreaterThan(0);
    expect(all.tiers.warm).toBeGreaterThan(0);
    expect(all.tiers.hot + all.tiers.warm).toBe(1_821);
    for (const [{ id }, entries] of [[single, 70] as const, [trio, 1_821] as const, [crowd, crowd.seq] as const]) {
      const counted = await analyst(stage.clickhouseUrl, id, entries);
      expect(counted).toEqual({ rows: entries, seqs: entries, first: 1, last: entries });
    }
  });

  test("unread is the same in every answer, and on every device after reading", async () => {
    const { conversations, total } = await conversationsOf(stage, "cid");
    expect(conversations.map(({ id, my }) => [id, my?.unread])).toEqual([[trio.id, 1_821]]);
    expect(total).toBe(1_821);
    using other = device("bob");
    await other.connect();
    const latest = bob.events.length;
    const read = await bob.rpc<{ readSeq: number; unread: number; total: number }>("message.read", { conversationId: trio.id, seq: 1_800 });
    expect(read).toMatchObject({ readSeq: 1_800, unread: 21 });
    const seen = () => [bob, other].map(({ events }) => events.findLast(({ data }) => data["type"] === "read")?.data);
    await until(
      () => seen().every((data) => data?.["readSeq"] === 1_800) && bob.events.length > latest,
      20_000,
      () => "the read event on both devices",
    );
    for (const data of seen()) expect(data).toMatchObject({ conversationId: trio.id, unread: 21, total: read.total });
    for (const user of ["ann", "bob", "cid"]) {
      const list = await conversationsOf(stage, user);
      const unread = await stage.call<{ total: number; conversations: Record<string, number> }>(user, "unread.get", {});
      const sum = list.conversations.reduce((all, { my }) => all + (my?.unread ?? 0), 0);
      expect({ user, list: list.total, sum }).toEqual({ user, list: unread.total, sum: unread.total });
      for (const { id, my, count } of list.conversations) {
        const { conversation } = await stage.call<{ conversation: Conversation }>(user, "conversation.get", { conversationId: id });
        expect({ id, unread: conversation.my?.unread }).toEqual({ id, unread: my?.unread });
        expect({ id, unread: unread.conversations[id] ?? 0 }).toEqual({ id, unread: my?.unread });
        expect(my?.unread).toBeLessThanOrEqual(count);
      }
    }
  });

  test("a walk through the timeline holds every message of one's conversations once, newest first", async () => {
    for (const [user, of] of [
      ["bob", [single, trio, crowd]],
      ["cid", [trio]],
    ] as const) {
      const items = await walkTimeline(stage, user);
      const keys = items.map(({ key }) => BigInt(key));
      expect(keys.every((key, i) => i === 0 || key < (keys[i - 1] ?? 0n))).toBe(true);
      for (const { id } of of) {
        const walked = items.flatMap(({ message }) => (message.conversationId === id ? [message.seq] : [])).toSorted((a, b) => a - b);
        const sent = ann.heard(id).flatMap(({ type, seq }) => (type === "message" ? [seq] : []));
        expect(walked).toEqual(sent);
      }
      expect(new Set(items.map(({ message }) => message.id)).size).toBe(items.length);
    }
  });
});
