import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedisCluster, type RedisCluster } from "#infra/redis/cluster.ts";
import { create } from "#shared/hot/changes.ts";
import { commitSends } from "#shared/hot/commits.ts";
import { deliverOps, type InboxOp } from "#shared/hot/deliveries.ts";
import { mutuals } from "#shared/hot/facts.ts";
import { keys, partitionOf, partitions } from "#shared/hot/keys.ts";
import { nodeMemories, removeKeys, scanKeys } from "#shared/hot/nodes.ts";
import { createProgress } from "#shared/hot/progress.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { between, relate, type Part } from "#shared/hot/relating.ts";
import { slotOf } from "#shared/hot/slots.ts";
import { standings, unreadCounts } from "#shared/hot/standings.ts";
import { arrived, timelineEnd } from "#shared/hot/timelines.ts";
import { hotInboxes } from "#shared/hot/users.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import { createLogger } from "#shared/run/logger.ts";
import { until } from "#test/support/until.ts";

const logger = createLogger("silent", { role: "test" });
/** What the process under test says of errors. */
const errors: object[] = [];
const watched = createLogger("error", { role: "test" }, { write: (line) => void errors.push(JSON.parse(line) as object) });
const ids = createSnowflake({ worker: 1 });
let dir: string;
let cluster: RedisCluster;
let hot: Hot;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tributary-cluster-"));
  cluster = await startRedisCluster({ dir, durability: "everysec", logger });
  hot = await openHot(cluster.url, watched);
});
afterAll(async () => {
  await hot[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A group with a given id. The first member owns it. */
async function group(hot: Hot, id: string, members: string[]): Promise<void> {
  const [creator = ""] = members;
  const rest = { kind: "group", creator, owner: creator, title: "t", history: "joined", join: "invite", metaJson: "", members } as const;
  await create({ hot, fanoutWriteMax: 500 }, { id, ...rest });
}

/** Conversations of as many partitions as there are, with these members. */
async function everywhere(first: number, members: string[]): Promise<string[]> {
  const made = partitions().map((n) => String(first + n));
  await Promise.all(made.map((id) => group(hot, id, members)));
  expect(new Set(made.map(partitionOf)).size).toBe(partitions().length);
  return made;
}

/** Of the dedupe tables. */
const GENERATION = 2;

async function send(id: string, user: string, texts: number): Promise<void> {
  const sends = Array.from({ length: texts }, () => {
    const message = ids.next();
    return { user, digest: message.slice(-12), id: message, countable: true, fields: `"from":"${user}"` };
  });
  await commitSends(hot, [[id, sends]], GENERATION);
}

test("what is read of many conversations in all slots comes in the order asked for", async () => {
  const all = await everywhere(10_000, ["ann", "bob"]);
  await Promise.all(all.map((id, n) => send(id, "ann", (n % 5) + 1)));
  const found = await standings(hot, "bob", all);
  expect(found.map(({ conversationId, seq }) => [conversationId, seq])).toEqual(all.map((id, n) => [id, (n % 5) + 1]));
  const counts = await unreadCounts(hot, "bob", ["404", ...all]);
  expect(counts.map(({ conversationId, unread }) => [conversationId, unread])).toEqual(all.map((id, n) => [id, (n % 5) + 1]));
});

test("pointers reach users of all slots by calls that carry no more than each needs, and what came of it is told in order", async () => {
  const users = Array.from({ length: 200 }, (_, n) => `reader-${n}`);
  const joined = (n: number): InboxOp => ({ letter: "J", conversationId: "7", seq: 0, extra: "a w", pointers: [`J 7 0 ${n} w {}`] });
  const ops = users.map((_, n) => joined(n));
  const written = await deliverOps(
    hot,
    ops,
    users.map((user, n) => [user, [n + 1]]),
    true,
  );
  expect(written.map(({ pointers }) => pointers)).toEqual(users.map((_, n) => [`J 7 0 ${n} w {}`]));
  const inboxes = await hotInboxes(
    hot,
    users.map((user) => ({ user, from: 1, to: 1 })),
  );
  expect(inboxes.map(({ pointers }) => pointers)).toEqual(written.map(({ pointers }) => pointers));
});

test("a change between users of two slots that ended half-way is finished by the next try, and nobody is told twice", async () => {
  const [ann, bob] = [
    "ann",
    Array.from({ length: 100 }, (_, n) => `bob-${n}`).find((one) => slotOf(keys.user(one)) !== slotOf(keys.user("ann"))) ?? "",
  ];
  const pair = { a: ann, b: bob };
  const parts = async (): Promise<Part[]> => {
    const [mine, theirs] = await between(hot, pair);
    const fact = { version: 4, letters: "a", alias: "", note: "" };
    return [
      { user: ann, other: bob, had: mine, fact, rows: ["[1]"], pointer: "V 0 0 5 - {}" },
      { user: bob, other: ann, had: theirs, fact, rows: [], pointer: "V 0 0 5 - {}" },
    ];
  };
  const [first, second] = (await parts()) as [Part, Part];
  expect(await relate(hot, [first], true)).toHaveLength(1);
  // Whoever begins anew from what was there before gets nowhere, and from what is there now to the end.
  expect(await relate(hot, [first, second], true)).toEqual([]);
  const [, left] = (await parts()) as [Part, Part];
  expect(await relate(hot, [left], true)).toEqual([{ user: bob, offset: 1, nodes: [] }]);
  const [row] = await mutuals(hot, ann, [bob]);
  expect([row?.mine?.letters, row?.theirs?.letters]).toEqual(["a", "a"]);
  const inboxes = await hotInboxes(
    hot,
    [ann, bob].map((user) => ({ user, from: 1, to: 9 })),
  );
  expect(inboxes.map(({ offset }) => offset)).toEqual([1, 1]);
});

test("a reader of a timeline is told what the fan-out has yet to do of what concerns them, in whatever partition", async () => {
  const mine = await everywhere(20_000, ["cid", "dan"]);
  const wanted = { place: null, pointers: 10, messages: 5, pending: true, below: "", entries: 5 };
  const told = async (user: string) =>
    (await timelineEnd(hot, user, wanted, [])).pending.filter(({ unsure }) => unsure.some((id) => mine.includes(id)));
  expect((await told("cid")).map(({ partition }) => partition)).toEqual(partitions());
  const progress = createProgress(hot);
  const pending = await told("cid");
  expect(await arrived(hot, progress, "a stranger", pending)).toBe(false);
  const waiting = arrived(hot, progress, "cid", pending);
  await Promise.all(pending.map(({ partition, last }) => hot.redis.set(keys.cursor("fanout", partition), last)));
  expect(await waiting).toBe(true);
  expect(await told("cid")).toEqual([]);
});

test("a walk over the keys sees those of every master, and they can be removed at once", async () => {
  const some = Array.from({ length: 300 }, (_, n) => `walk:{${n}}`);
  await Promise.all(some.map((key) => hot.redis.set(key, "x")));
  const seen = new Set<string>();
  let cursor = "0";
  do {
    const [next, names] = await scanKeys(hot, cursor, 50, "walk:*");
    for (const name of names) seen.add(name);
    cursor = next;
  } while (cursor !== "0");
  expect(seen).toEqual(new Set(some));
  expect(await removeKeys(hot, some)).toBe(some.length);
  expect(await nodeMemories(hot)).toHaveLength(3);
});

test("streams of all slots are read as they grow, also after each master has handed over to its replica", async () => {
  using tail = hot.tail();
  const streams = partitions().map((p) => keys.outbox(p));
  const after = new Map(
    await Promise.all(
      streams.map(async (key): Promise<[string, string]> => [key, (await hot.redis.xrevrange(key, "+", "-", "COUNT", 1))[0]?.[0] ?? "0-0"]),
    ),
  );
  const heard: string[] = [];
  const hearAll = async (word: string): Promise<void> => {
    const wanted = new Set(streams.map((key) => `${key} ${word}`));
    await until(
      async () => {
        for (const [key, rows] of await tail.read([...after], 10, 250)) {
          after.set(key, rows.at(-1)?.[0] ?? "");
          for (const [, [, text = ""]] of rows) heard.push(`${key} ${text}`);
        }
        return [...wanted].every((one) => heard.includes(one));
      },
      20_000,
      () => `${word} in ${streams.length} streams, heard ${heard.length}`,
    );
  };
  await Promise.all(streams.map((key) => hot.redis.xadd(key, "*", "r", "before")));
  await hearAll("before");
  for (const node of cluster.nodes.slice(3)) await takeOver(node);
  await Promise.all(streams.map((key) => hot.redis.xadd(key, "*", "r", "after")));
  await hearAll("after");
  expect(new Set(heard).size).toBe(heard.length);
});

test("a process that ends in order is not waited for when a replica takes over", async () => {
  const id = "77001";
  const life = keys.life(partitionOf(id));
  const other = await openHot(cluster.url, logger);
  const writers = async () => Object.keys(await hot.redis.hgetall(life)).filter((field) => field.startsWith("@"));
  const before = await writers();
  await group(other, id, ["ann"]);
  expect(await writers()).toHaveLength(before.length + 1);
  await other[Symbol.asyncDispose]();
  expect(await writers()).toEqual(before);
});

test("a write that a lost master took with it and that can't be done again is told of, and holds up nobody else", async () => {
  const broken = "88001";
  const tableOf = (id: string) => keys.dedupe(id, GENERATION);
  const beside = (id: string) => partitionOf(id) === partitionOf(broken) && tableOf(id) !== tableOf(broken);
  const well = Array.from({ length: 10_000 }, (_, n) => String(88_002 + n)).find(beside) ?? "";
  for (const id of [broken, well]) await group(hot, id, ["ann", "bob"]);
  const life = keys.life(partitionOf(broken));
  const [master, survived] = await hot.redis.hmget(life, "m", "n");
  await send(broken, "ann", 1);
  await send(well, "ann", 1);
  // As a replica finds it that takes over without the last two writes.
  await hot.redis.hset(life, { m: "the lost master", n: survived ?? "" });
  await hot.redis.set(tableOf(broken), "of another kind");
  const saidBefore = errors.length;
  const [count] = await unreadCounts(hot, "bob", [well]);
  expect(count?.unread).toBe(1);
  expect(await hot.redis.hmget(life, "m", "n")).toEqual([master, String(Number(survived) + 2)]);
  expect(errors.slice(saidBefore)).toMatchObject([
    { level: "error", script: "commit", msg: expect.stringContaining("can't be done again") as unknown },
    { level: "error", repeated: 1, lost: 1, msg: expect.stringContaining("epochs change") as unknown },
  ]);
});

test("what a process found lost stays so for the one that ends what it began", async () => {
  const id = "99001";
  await group(hot, id, ["ann", "bob"]);
  await send(id, "ann", 1);
  const [life, lostTail] = [keys.life(partitionOf(id)), keys.lostTail(partitionOf(id))];
  const [master, epoch] = [await hot.redis.hget(life, "m"), await hot.redis.hget(keys.head(id), "e")];
  // As the first one left it: it has done all that was brought, and was killed before it had said so.
  await hot.redis.hset(life, { m: "the lost master" });
  await hot.redis.hset(lostTail, { unsound: "1" });
  const saidBefore = errors.length;
  const [count] = await unreadCounts(hot, "bob", [id]);
  expect(count?.unread).toBe(1);
  expect(await hot.redis.hget(life, "m")).toBe(master);
  expect(await hot.redis.hget(keys.head(id), "e")).not.toBe(epoch);
  expect(await hot.redis.exists(lostTail)).toBe(0);
  expect(errors.slice(saidBefore)).toMatchObject([{ level: "error", msg: expect.stringContaining("epochs change") as unknown }]);
});

/** Has a replica take over from its master, as before an upgrade. */
async function takeOver({ url }: { url: string }): Promise<void> {
  const node = new Redis(url);
  try {
    let asked = Number.NEGATIVE_INFINITY;
    await until(
      async () => {
        if ((await node.info("replication")).includes("role:master")) return true;
        // One that does not get its votes is given up by the node itself after 5 s, without a word.
        if (performance.now() - asked > 6_000) {
          asked = performance.now();
          await node.call("CLUSTER", "FAILOVER");
        }
        return false;
      },
      30_000,
      () => `${url} to be a master`,
    );
  } finally {
    node.disconnect();
  }
}
