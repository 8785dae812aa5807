import { startHot, type TestHot } from "#test/support/hot.ts";
import { create } from "#shared/hot/changes.ts";
import { commitSends } from "#shared/hot/commits.ts";
import { deliverOps, type InboxOp } from "#shared/hot/deliveries.ts";
import { entryPointer } from "#shared/wire/pointer.ts";
import { spread } from "../bench/row.ts";
import type { Figure } from "./measure.ts";
import { entry, pointer } from "./samples.ts";

const ROUNDS = 7;
/** Messages, or inbox writes, of one round. */
const ROUND = 4_000;

/** Something that Redis does over and over. */
interface Call {
  name: string;
  reference: boolean;
  /** Messages or inbox writes of one call. */
  things: number;
  run: () => Promise<unknown>;
}

interface Spent {
  /** s of CPU of Redis' main thread: the script, and reading and writing around it. */
  cpu: number;
  /** Commands, those of scripts included. */
  commands: number;
}

async function spent({ hot: { redis } }: TestHot): Promise<Spent> {
  const text = await redis.info("cpu", "commandstats");
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(text)?.[1] ?? NaN);
  const commands = [...text.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].filter(([, name = ""]) => !/^(evalsha|info)/.test(name));
  return {
    cpu: field("used_cpu_user_main_thread") + field("used_cpu_sys_main_thread"),
    commands: commands.reduce((sum, [, , calls]) => sum + Number(calls), 0),
  };
}

async function measure(test: TestHot, group: string, { name, reference, things, run }: Call): Promise<Figure> {
  const each: number[] = [];
  let commands = NaN;
  for (let round = -1; round < ROUNDS; round++) {
    const before = await spent(test);
    const calls = Math.ceil(ROUND / things);
    for (let i = 0; i < calls; i++) await run();
    const after = await spent(test);
    await forget(test);
    if (round >= 0) each.push(((after.cpu - before.cpu) * 1e6) / (calls * things));
    commands = (after.commands - before.commands) / (calls * things);
  }
  return { group, name, reference, unit: "µs", ...spread(each), mbPerSecond: null, commands };
}

/** Streams and lists stay short, as a server keeps them. */
async function forget({ hot: { redis } }: TestHot): Promise<void> {
  for (const key of await redis.keys("*")) {
    const kind = await redis.type(key);
    if (kind === "stream") await redis.xtrim(key, "MAXLEN", 0);
    else if (kind === "list") await redis.ltrim(key, -1_000, -1);
    else if (key.startsWith("d:")) await redis.unlink(key);
  }
}

let lastId = 0;
async function singles(test: TestHot, count: number): Promise<{ id: string; user: string }[]> {
  const made: { id: string; user: string }[] = [];
  for (let i = 0; i < count; i++) {
    const [id, user] = [String(++lastId), `a${lastId}`];
    const rest = { owner: null, title: "", history: "all", join: "invite", metaJson: "" } as const;
    await create({ hot: test.hot, fanoutWriteMax: 500 }, { id, kind: "single", creator: user, members: [user, `b${lastId}`], ...rest });
    made.push({ id, user });
  }
  return made;
}

let sends = 0;
/** So many sends in a script, evenly over the conversations. */
async function commitOf(test: TestHot, messages: number, conversations: number): Promise<Call> {
  const some = await singles(test, conversations);
  const send = (user: string) => ({
    user,
    digest: String(++sends).padStart(10, "0"),
    id: test.ids.next(),
    countable: true,
    fields: entry.fields,
  });
  return {
    name: `commit.lua, ${messages} in ${conversations === 1 ? "one conversation" : `${conversations} conversations`}`,
    reference: false,
    things: messages,
    run: () =>
      commitSends(
        test.hot,
        some.map(({ id, user }) => [id, Array.from({ length: messages / conversations }, () => send(user))] as const),
        1,
      ),
  };
}

const bareCommit = `for i = 1, tonumber(ARGV[1]) do redis.call('RPUSH', KEYS[i], ARGV[2]) end
return redis.call('XADD', KEYS[#KEYS], '*', 'r', ARGV[3])`;
const bareDeliver = `for i = 1, tonumber(ARGV[1]) do redis.call('RPUSH', KEYS[i], ARGV[2]) end return 1`;

async function bareOf({ hot: { redis } }: TestHot, what: string, script: string, things: number): Promise<Call> {
  const sha = (await redis.script("LOAD", script)) as string;
  const lists = [...Array.from({ length: things }, (_, i) => `bare:${i}`), "bare:out"];
  const text = script === bareCommit ? `m${entry.fields}` : pointer;
  return {
    name: `a script of ${what}, ${things}`,
    reference: true,
    things,
    run: () => redis.evalsha(sha, lists.length, ...lists, things, text, "E 1234567 123456 m 7312345678901234567 123400 w\n".repeat(things)),
  };
}

/** A run of entries of one conversation for so many users. */
async function deliverOf(test: TestHot, users: number, entries: number): Promise<Call> {
  const conversationId = String(++lastId);
  const named = Array.from({ length: users }, (_, i): [string, number[]] => [`u${conversationId}-${i}`, [1]]);
  const joined: InboxOp = { letter: "J", conversationId, seq: 0, extra: "a w", pointers: ["J 1 0 0 w {}"] };
  await deliverOps(test.hot, [joined], named, true);
  let seq = 0;
  return {
    name: `deliver.lua, ${entries === 1 ? "one entry" : `${entries} entries`} to ${users === 1 ? "one user" : `${users} users`}`,
    reference: false,
    things: users * entries,
    run() {
      const ids = Array.from({ length: entries }, () => test.ids.next());
      const pointers = ids.map((id, i) => entryPointer("m", conversationId, seq + 1 + i, seq + 1 + i, id));
      const op: InboxOp = { letter: "E", conversationId, seq: seq + 1, extra: `${ids[0]} ${ids.at(-1)}`, pointers };
      seq += entries;
      return deliverOps(test.hot, [op], named, true);
    },
  };
}

/** CPU of Redis a message committed, and an inbox write delivered. */
export async function redisFigures(told: (figure: Figure) => void): Promise<void> {
  await using test = await startHot();
  const commits = [
    await commitOf(test, 1, 1),
    await commitOf(test, 10, 10),
    await commitOf(test, 100, 100),
    await commitOf(test, 100, 1),
    ...(await Promise.all([1, 10, 100].map((things) => bareOf(test, "RPUSH each and one XADD", bareCommit, things)))),
  ];
  for (const call of commits) told(await measure(test, "commit, a message", call));
  const deliveries = [
    await deliverOf(test, 1, 1),
    await deliverOf(test, 50, 1),
    await deliverOf(test, 50, 10),
    ...(await Promise.all([1, 50].map((things) => bareOf(test, "RPUSH each", bareDeliver, things)))),
  ];
  for (const call of deliveries) told(await measure(test, "deliver, an inbox write", call));
}
