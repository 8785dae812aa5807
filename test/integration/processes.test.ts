import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { userState } from "#shared/hot/users.ts";
import { createLogger } from "#shared/run/logger.ts";
import type { Conversation, Message } from "#shared/wire/values.ts";
import { metric } from "#test/support/metrics.ts";
import { processesOf, workersOf } from "#test/support/processes.ts";
import { openRaw, type RawClient } from "#test/support/raw-client.ts";
import { createDevice, group, hears, range, seqsOf, type Device, type Sent } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { until } from "#test/support/until.ts";
import { startServer, startWorld, type World } from "#test/support/world.ts";

/** Connections are dealt to the processes in turn, so that so many in a row are one on each. */
const PROCESSES = 3;

let world: World;
let hot: Hot;

const device = (user: string, data?: object): Device =>
  createDevice({ socket: world.socket(), user, token: () => world.token(user), ...(data === undefined ? {} : { data }) });

/** A device of the user on each process. */
async function everywhere(user: string, data?: object): Promise<Device[]> {
  await world.token(user);
  const devices: Device[] = [];
  for (let n = 0; n < PROCESSES; n++) {
    const one = device(user, data);
    await one.connect();
    devices.push(one);
  }
  expect(await spread(user)).toEqual(range(1, PROCESSES).map(() => 1));
  return devices;
}

/** How many connections of a user each process has. */
const spread = async (user: string): Promise<number[]> => (await userState(hot, user)).connections.map(({ count }) => count);

async function rawConnections(user: string, n: number): Promise<RawClient[]> {
  const token = await world.token(user);
  const clients: RawClient[] = [];
  for (let i = 0; i < n; i++) clients.push(await openRaw(world.socket(), token));
  return clients;
}

beforeAll(async () => {
  world = await startWorld({ PROCESSES: String(PROCESSES), FANOUT_WRITE_MAX: "4", FANOUT_WRITE_BUDGET: "0" });
  hot = await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" }));
});

afterAll(async () => {
  await hot[Symbol.asyncDispose]();
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

test("so many workers serve, beside the process that watches them", () => {
  expect(workersOf(world.dir, world.server().pid)).toHaveLength(PROCESSES);
});

test("users on different processes hear each other once and in order, in a conversation of either mode, and no id comes twice", async () => {
  const [anns, bobs] = [await everywhere("ann"), await everywhere("bob")];
  const ann = anns[0] as Device;
  const { conversation: single } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "bob" });
  const room = await group(ann, "Room", ["bob", "cid", "dan", "eve"]);
  expect([single.mode, room.mode]).toEqual(["write", "read"]);
  const each = 60;
  for (const { id } of [single, room]) {
    await Promise.all(
      [...anns, ...bobs].map(async (one, d) => {
        for (const n of range(1, each)) await one.send(id, `${d} ${n}`);
      }),
    );
    const last = each * PROCESSES * 2;
    for (const one of [...anns, ...bobs]) {
      await hears(one, id, last);
      expect(seqsOf(one.heard(id))).toEqual(range(1, last));
      for (const d of range(0, PROCESSES * 2 - 1)) {
        const own = one.heard(id).flatMap(({ text }) => (text?.startsWith(`${d} `) === true ? [Number(text.split(" ")[1])] : []));
        expect(own).toEqual(range(1, each));
      }
    }
    const messages: Message[] = [];
    for (let before: number | undefined; messages.length < last; before = messages[0]?.seq) {
      const params = { conversationId: id, limit: 200, ...(before === undefined ? {} : { before }) };
      messages.unshift(...(await ann.rpc<{ messages: Message[] }>("message.history", params)).messages);
    }
    const ids = messages.map((message) => BigInt(message.id));
    expect(ids.every((one, i) => i === 0 || one > (ids[i - 1] ?? one))).toBe(true);
  }
  for (const one of [...anns, ...bobs]) one[Symbol.dispose]();
});

test("the same message sent through each process at once is one message", async () => {
  const devices = await everywhere("fay");
  const { id } = await group(devices[0] as Device, "Once", []);
  const sent = await Promise.all(devices.map((one) => one.send(id, "once", "once-1")));
  expect(new Set(sent.map(({ id: message, seq }: Sent) => `${message} ${seq}`)).size).toBe(1);
  expect(sent.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
  for (const one of devices) one[Symbol.dispose]();
});

test("an eleventh connection closes the oldest, whichever process has it, and so does each further one", async () => {
  const clients = await rawConnections("gus", 10);
  expect((await spread("gus")).toSorted((a, b) => a - b)).toEqual([3, 3, 4]);
  for (const n of range(0, 3)) {
    clients.push(...(await rawConnections("gus", 1)));
    expect(await clients[n]?.closed).toMatchObject({ code: 4501 });
    expect(clients.map((client) => client.isOpen())).toEqual(clients.map((_, i) => i > n));
  }
  await until(
    async () => (await spread("gus")).reduce((sum, count) => sum + count, 0) === 10,
    20_000,
    () => "ten connections on record",
  );
  for (const client of clients) client[Symbol.dispose]();
  await until(
    async () => (await userState(hot, "gus")).nodes.length === 0,
    20_000,
    () => "the user offline on every process",
  );
});

test("many connections that come at once leave the ten that a user may have", async () => {
  const token = await world.token("hal");
  const clients = await Promise.all(range(1, 25).map(() => openRaw(world.socket())));
  // One may be replaced before it has its answer.
  await Promise.all(clients.map((client) => client.ask({ connect: { token } }).catch(() => null)));
  const open = () => clients.filter((client) => client.isOpen()).length;
  await until(
    () => open() <= 10,
    10_000,
    () => `ten connections, there are ${open()}`,
  );
  await until(
    async () => (await spread("hal")).reduce((sum, count) => sum + count, 0) === 10,
    20_000,
    () => "ten connections on record",
  );
  expect(open()).toBe(10);
  for (const client of clients) client[Symbol.dispose]();
});

test("presence names the connections of all processes", async () => {
  const [ivys, joes] = [await everywhere("ivy"), await everywhere("joe")];
  const room = await group(ivys[0] as Device, "Present", ["joe", "kim", "leo", "mia"]);
  const channel = `conversation:${room.id}`;
  for (const one of [...ivys, ...joes]) {
    expect(await one.client.presenceStats(`live:${one.user}`)).toEqual({ numClients: PROCESSES, numUsers: 1 });
    await until(
      async () => (await one.client.presenceStats(channel)).numClients === PROCESSES * 2,
      20_000,
      () => "everybody in the room",
    );
  }
  const { clients } = await (joes[1] as Device).client.presence(channel);
  const users = Object.values(clients).map(({ user }) => user);
  expect(users.toSorted()).toEqual([...range(1, PROCESSES).map(() => "ivy"), ...range(1, PROCESSES).map(() => "joe")]);
  for (const one of [...ivys, ...joes]) one[Symbol.dispose]();
});

test("one scrape shows the sums over all processes, whichever answers", async () => {
  const devices = await everywhere("nia");
  const { id } = await group(devices[0] as Device, "Counted", []);
  const before = await metric(world.http(), "tributary_gateway_rpc_seconds_count");
  for (const one of devices) for (const n of range(1, 5)) await one.send(id, `${n}`);
  for (let scrape = 0; scrape < PROCESSES * 2; scrape++) {
    expect(await metric(world.http(), "tributary_gateway_connections")).toBe(PROCESSES);
    expect(await metric(world.http(), "tributary_gateway_rpc_seconds_count")).toBe(before + PROCESSES * 5);
  }
  for (const one of devices) one[Symbol.dispose]();
});

test("a long poll and a device in notify mode hear of what is committed in any process", async () => {
  const quiet = await everywhere("olga", { push: "notify" });
  const senders = await everywhere("pia");
  const { id } = await group(senders[0] as Device, "Quiet", ["olga"]);
  interface Synced {
    publications: { data: { message?: { seq: number } } }[];
    positions: object;
  }
  let { positions } = await world.call<Synced>("olga", "timeline.sync", { positions: {} });
  const poll = () => world.call<Synced>("olga", "timeline.sync", { positions, wait: 20 });
  const seqs: number[] = [];
  for (const n of range(1, PROCESSES * 3)) {
    let polling = poll();
    await (senders[n % PROCESSES] as Device).send(id, `${n}`);
    while (seqs.length < n) {
      const synced = await polling;
      ({ positions } = synced);
      for (const { data } of synced.publications) if (data.message !== undefined) seqs.push(data.message.seq);
      if (seqs.length < n) polling = poll();
    }
  }
  expect(seqs).toEqual(range(1, PROCESSES * 3));
  const notified = () => quiet.map(({ events }) => events.some(({ data }) => data["type"] === "notify"));
  await until(
    () => notified().every(Boolean),
    20_000,
    () => `a notice on each device: ${notified().join(" ")}`,
  );
  for (const one of [...quiet, ...senders]) one[Symbol.dispose]();
});

test("a port that is taken stops the start of all with the one line that says so", async () => {
  const port = new URL(world.http()).port;
  const dir = await mkdtemp(join(tmpdir(), "tributary-"));
  const { redisUrl } = world.endpoints();
  await expect(
    startServer(dir, { PROCESSES: "2", PORT: port, REDIS_URL: redisUrl, CLICKHOUSE_PORT: "0", ROLES: "gateway" }),
  ).rejects.toThrow(new RegExp(`ended with 1:[^]*Tributary did not start: another program listens on 127.0.0.1:${port}: end it`));
  expect(processesOf(dir)).toEqual([]);
  await rm(dir, { recursive: true, force: true });
});
