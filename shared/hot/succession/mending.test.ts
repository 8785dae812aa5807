import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { array, assert, asyncProperty, boolean, integer, option, record } from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedis } from "#infra/redis/child.ts";
import { keys, partitionOf } from "#shared/hot/keys.ts";
import { chooseLayout } from "#shared/hot/layout.ts";
import { loadScripts } from "#shared/hot/scripts.ts";
import { newConversationId } from "#shared/hot/testing.ts";
import { createLogger } from "#shared/run/logger.ts";
import type { Entry } from "#shared/wire/entry.ts";
import { createGround } from "./ground.ts";
import { heldBeyond, type Reached } from "./held.ts";
import { createMending, type Lost } from "./mending.ts";

const logger = createLogger("silent", { role: "test" });
const stack = new AsyncDisposableStack();
let redis: Redis;
beforeAll(async () => {
  chooseLayout(true);
  const dir = await mkdtemp(join(tmpdir(), "tributary-mending-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const child = stack.use(await startRedis({ dir, durability: "everysec", logger }));
  redis = new Redis(child.url);
  stack.defer(() => redis.disconnect());
});
afterAll(() => stack.disposeAsync());

/** A conversation up to a seq, and up to where the inbox of each member has it, if at all. */
interface Group {
  seq: number;
  copied: boolean;
  inboxes: (number | null)[];
}

let users = 0;

async function put({ seq, copied, inboxes }: Group): Promise<{ id: string; members: string[] }> {
  const id = newConversationId();
  const members = inboxes.map(() => `user-${++users}`);
  const head = {
    s: seq,
    n: 0,
    b: 0,
    i: "100",
    l: 0,
    m: copied ? "w" : "r",
    k: "g",
    w: members[0] ?? "",
    z: members.length,
    v: "",
    j: "c",
    d: 1,
    e: "before",
  };
  await redis.hset(keys.head(id), { ...head, ...Object.fromEntries(members.map((user) => [`@${user}`, "m 0 5 0 0 0 -"])) });
  for (const [i, user] of members.entries()) {
    await redis.zadd(keys.order(id), i, user);
    await redis.hset(keys.user(user), { o: 7, e: "before", ...(inboxes[i] === null ? {} : { [id]: `a ${inboxes[i]} 0 -1 0 0 0` }) });
  }
  return { id, members };
}

const seqs = integer({ min: 0, max: 20 });
const group = record({ seq: seqs, copied: boolean(), inboxes: array(option(seqs), { minLength: 1, maxLength: 6 }) });

test("conversations are found that an inbox has more of than there is, unless they are not copied", async () => {
  await assert(
    asyncProperty(array(group, { maxLength: 8 }), async (groups) => {
      const made = await Promise.all(groups.map(put));
      const wanted = groups.flatMap(({ seq, copied, inboxes }, i): Reached[] => {
        const held = Math.max(...inboxes.map((each) => each ?? 0));
        return copied && held > seq ? [{ conversationId: made[i]?.id ?? "", seq: held }] : [];
      });
      expect(
        await heldBeyond(
          redis,
          made.map(({ id }) => id),
        ),
      ).toEqual(wanted);
    }),
    { numRuns: 50 },
  );
});

const ground = () => createGround(redis, loadScripts());
const epochOf = (key: string) => redis.hget(key, "e");

test("what an inbox has and nobody else is not given again, however much it is; all epochs of its readers change", async () => {
  const MANY = 9_500;
  const { id, members } = await put({ seq: 0, copied: true, inboxes: [0, MANY, null] });
  const lost: Lost = { absent: [], writes: 0, conversations: new Map() };
  const mending = createMending({ ground: ground(), masterOf: () => redis, archived: null, logger: logger });
  await mending.mend(partitionOf(id), lost, []);
  expect(await redis.hmget(keys.head(id), "s", "n", "l")).toEqual([String(MANY), "0", "0"]);
  expect(await redis.llen(keys.mailbox(id))).toBe(MANY);
  expect(lost.conversations.get(id)).toEqual({ restored: 0, lost: MANY });
  for (const key of [keys.head(id), ...members.map(keys.user)]) expect(await epochOf(key)).not.toBe("before");
});

test("what the archive has is put back, and is the newest message", async () => {
  const { id } = await put({ seq: 0, copied: true, inboxes: [5] });
  const message = (seq: number): Entry => ({
    conversationId: id,
    seq,
    id: String(1_000 + seq),
    count: seq,
    letter: "m",
    fields: `"n":${seq}`,
  });
  const archived = { newest: async () => [{ conversationId: id, seq: 3 }], entries: async () => [1, 2, 3].map(message) };
  const lost: Lost = { absent: [], writes: 0, conversations: new Map() };
  const mending = createMending({ ground: ground(), masterOf: () => redis, archived, logger: logger });
  await mending.mend(partitionOf(id), lost, await mending.archivedSince(0));
  expect(await redis.hmget(keys.head(id), "s", "n", "l")).toEqual(["5", "3", "3"]);
  expect(lost.conversations.get(id)).toEqual({ restored: 3, lost: 2 });
});
