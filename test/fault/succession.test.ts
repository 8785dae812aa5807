import { expect, onTestFailed, test } from "vitest";
import { keys, partitionOf, partitionOfKey } from "#shared/hot/keys.ts";
import { chooseLayout } from "#shared/hot/layout.ts";
import type { Message } from "#shared/wire/values.ts";
import { SMALL, startChatter, USERS } from "#test/support/chatter.ts";
import { startDeployment } from "#test/support/deployment.ts";
import { cutOff, type FailoverCluster, killed, replaced, startFailoverCluster, stopped, type Succeeded } from "#test/support/failover.ts";
import type { HttpCalls } from "#test/support/http-calls.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { createDevice, type Device, freshId, group, type Sent } from "#test/support/sdk-device.ts";
import { analyst } from "#test/support/story.ts";
import { until } from "#test/support/until.ts";
import { verdict } from "#test/support/verdict.ts";
import { startWorld, type World } from "#test/support/world.ts";

test("replicas that take over without their masters' last writes are given them again by the processes that made them", async () => {
  const random = createRandom(seedOf("succession"));
  await using cluster = await startFailoverCluster();
  await using world = await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url, PROCESSES: "2" });
  await using chatter = await startChatter(world, random);
  for (const [n, outage] of [killed, stopped].entries()) {
    await chatter.more(random.between(50, 300));
    const pair = cluster.pairs[n] as Succeeded;
    await cutOff(pair);
    await chatter.more(random.between(50, 500));
    const begun = performance.now();
    await outage(pair);
    await chatter.more(100);
    process.stdout.write(`goes on ${((performance.now() - begun) / 1_000).toFixed(1)} s after the outage began\n`);
  }
  await chatter.stop();
  await verdict(chatter, world, world.endpoints().clickhouseUrl);
  const log = world.server().log();
  const repeated = [...log.matchAll(/"repeated":(\d+)/g)].map(([, count]) => Number(count));
  expect(Math.max(...repeated)).toBeGreaterThan(0);
  expect(log).not.toContain("epochs change");
  expect(log).not.toContain("failed unexpectedly");
});

interface Stage extends AsyncDisposable {
  cluster: FailoverCluster;
  world: World;
  ann: Device;
  bob: Device;
}

async function online(stage: HttpCalls & { socket(): string }, user: string): Promise<Device> {
  const device = createDevice({ socket: stage.socket(), user, token: () => stage.token(user) });
  await device.connect();
  return device;
}

/** A server on a cluster, with two users online whose keys this process can name. */
async function startStage(): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  chooseLayout(true);
  const cluster = stack.use(await startFailoverCluster());
  const world = stack.use(await startWorld({ FANOUT_WRITE_MAX: SMALL, REDIS_URL: cluster.url }));
  onTestFailed(() => void process.stdout.write(world.server().log()));
  const ann = stack.use(await online(world, "ann"));
  const bob = stack.use(await online(world, "bob"));
  const opened = stack.move();
  return { cluster, world, ann, bob, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function talkOf(device: Device, id: string): { sent: Sent[]; talk: (many: number) => Promise<void> } {
  const sent: Sent[] = [];
  return {
    sent,
    async talk(many) {
      for (let n = 0; n < many; n++) sent.push(await device.send(id, `message ${sent.length + 1}`));
    },
  };
}

/** Nobody is left who knows what the replica has not got; resolves when the server that is started then has said so. */
async function killTogether(world: World, pair: Succeeded): Promise<void> {
  await world.server().kill();
  await pair.master.kill();
  await replaced(pair);
  await world.restart();
  await until(
    () => world.server().log().includes("epochs change"),
    30_000,
    () => `a word of what is lost: ${world.server().log()}`,
  );
}

/** Throws anything but that the call may be made again. */
function whileAway(thrown: unknown): undefined {
  if (((thrown as Error).cause as { temporary?: boolean } | undefined)?.temporary !== true) throw thrown;
}

/** Says something until it is acknowledged. */
async function insist({ call }: HttpCalls, user: string, conversationId: string, text: string): Promise<Sent> {
  const message = { conversationId, clientMsgId: freshId(), kind: "text", body: { text } };
  let sent: Sent | undefined;
  await until(
    async () => (sent = await call<Sent>(user, "message.send", message).catch(whileAway)) !== undefined,
    30_000,
    () => `"${text}" to be acknowledged`,
  );
  return sent as Sent;
}

/** Ids of a conversation's messages in bob's timeline, newest first; none while inboxes are behind, when the answer is to come again. */
async function timelineOf({ call }: HttpCalls, id: string): Promise<string[]> {
  const page = await call<{ items: { message: Message }[] }>("bob", "timeline.read", { limit: 100 }).catch(whileAway);
  return (page?.items ?? []).flatMap(({ message }) => (message.conversationId === id ? [message.id] : []));
}

/** A group whose head lies on another master than bob's inbox. */
async function groupElsewhere({ cluster, ann }: Stage, members: readonly string[]): Promise<{ id: string; pair: Succeeded }> {
  const inbox = await cluster.pairOf(keys.user("bob"));
  for (;;) {
    const { id } = await group(ann, "elsewhere", [...members]);
    const pair = await cluster.pairOf(keys.head(id));
    if (pair !== inbox) return { id, pair };
  }
}

const heardAll = (device: Device, id: string, sent: readonly Sent[]): Promise<void> =>
  until(
    () => device.heard(id).filter(({ text }) => text !== null).length >= sent.length,
    30_000,
    () => `all of ${id} to be in the inbox of ${device.user}`,
  );

test.each([
  ["write", 2],
  ["read", 5],
])(
  "where the only process that knew is killed with the master, epochs move and no number comes twice, in %s mode",
  async (mode, members) => {
    await using stage = await startStage();
    const { world, ann, bob } = stage;
    const { id, pair } = await groupElsewhere(stage, USERS.slice(1, members));
    const { sent, talk } = talkOf(ann, id);
    await talk(20);
    await cutOff(pair);
    await talk(30);
    const archived = sent.length;
    expect((await analyst(world.endpoints().clickhouseUrl, id, archived)).seqs).toBe(archived);
    await talk(5);
    await heardAll(bob, id, sent);
    const channel = mode === "read" ? `conversation:${id}` : "inbox:bob";
    const before = bob.positions[channel];
    await killTogether(world, pair);
    const first = await insist(world, "ann", id, "first");
    // Of what the archive had not got yet only an inbox knows, if there is one.
    expect(first.seq).toBeGreaterThan(mode === "write" ? sent.length : archived);
    // Its partition is whole now, and no epoch changes any more.
    using another = await online(world, "bob");
    const present = another.positions[channel]?.epoch;
    expect(present).toBeDefined();
    expect(present).not.toBe(before?.epoch);
    await until(
      () => bob.positions[channel]?.epoch === present,
      60_000,
      () => `bob's epoch of ${channel} to be ${present}: ${JSON.stringify(bob.positions)}`,
    );
    const next = await insist(world, "ann", id, "and on");
    expect(next.seq).toBe(first.seq + 1);
    await until(
      () => bob.heard(id).some(({ text }) => text === "and on"),
      30_000,
      () => "the next message to arrive",
    );
    const { messages } = await world.call<{ messages: Message[] }>("bob", "message.history", { conversationId: id, limit: 100 });
    const told = messages.map(({ id: messageId, seq }) => `${messageId} ${seq}`);
    expect(told).toEqual(expect.arrayContaining(sent.slice(0, archived).map((one) => `${one.id} ${one.seq}`)));
    expect(told.at(-1)).toBe(`${next.id} ${next.seq}`);
    const { entries } = await world.call<{ entries: object[]; last: number }>("bob", "message.history", {
      conversationId: id,
      entries: true,
      after: 0,
      limit: 200,
    });
    expect(entries).toHaveLength(next.seq);
    let timeline: string[] = [];
    await until(
      async () => (timeline = await timelineOf(world, id)).length > 0,
      30_000,
      () => "a timeline",
    );
    expect(timeline.toReversed()).toEqual(messages.map((message) => message.id));
  },
);

test("where who delivered lives on and who committed does not, what was delivered is known before numbers are given", async () => {
  chooseLayout(true);
  await using cluster = await startFailoverCluster();
  await using deployment = await startDeployment({ FANOUT_WRITE_MAX: SMALL }, cluster);
  using bob = await online(deployment, "bob");
  // All that knows of the conversation lies on one master, in two partitions.
  const partition = partitionOfKey(keys.user("bob"));
  const name = Array.from({ length: 10_000 }, (_, n) => `ann-${n}`).find((user) => partitionOfKey(keys.user(user)) === partition) as string;
  using ann = await online(deployment, name);
  const pair = await cluster.pairOf(keys.user("bob"));
  let id: string;
  do ({ id } = await group(ann, "beside", ["bob"]));
  while ((await cluster.pairOf(keys.head(id))) !== pair || partitionOf(id) === partition);
  const { sent, talk } = talkOf(ann, id);
  await talk(20);
  await deployment.server("archive").kill();
  await cutOff(pair);
  await talk(30);
  await heardAll(bob, id, sent);
  await deployment.server("gateway").kill();
  await pair.master.kill();
  await replaced(pair);
  await deployment.restart("gateway");
  const next = await insist(deployment, name, id, "and on");
  expect(next.seq).toBeGreaterThan(sent.length);
  await until(
    async () => (await timelineOf(deployment, id))[0] === next.id,
    30_000,
    () => "the next message in bob's timeline",
  );
});

test("where it was the inboxes' master, what came into them is put into them again", async () => {
  await using stage = await startStage();
  const { cluster, world, ann, bob } = stage;
  const pair = await cluster.pairOf(keys.user("bob"));
  const { id } = await groupElsewhere(stage, ["bob"]);
  const { sent, talk } = talkOf(ann, id);
  await talk(10);
  await cutOff(pair);
  await talk(20);
  await heardAll(bob, id, sent);
  await killTogether(world, pair);
  let held: string[] = [];
  await until(
    async () => (held = await timelineOf(world, id)).length >= sent.length,
    30_000,
    () => `${sent.length} messages in bob's timeline, there are ${held.length}`,
  );
  expect(held.toReversed()).toEqual(sent.map((one) => one.id));
});
