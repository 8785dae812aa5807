import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { startClickHouse } from "#infra/clickhouse/child.ts";
import { createColdClient, type ColdClient } from "#shared/cold/client.ts";
import { keys } from "#shared/hot/keys.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { costOf, medianOf, openPerson, warmUp, type Cost, type Person } from "./growth-load.ts";

const PASSWORD = "a password of load tests only, of 32 bytes";
/** Rows of one insert. */
const AT_ONCE = 1_000_000;
/** Every so many-th message is of the conversation that is read. */
const ONE_IN = 100;
/** The others are in so many conversations. */
const OTHERS = 9_973;
const DAYS = 90;
const PAGES = 15;
const EPOCH = Date.UTC(2024, 0, 1);

export interface StoredPoint extends Cost {
  messages: number;
  /** ms of a page of 50 from ClickHouse. */
  page: number;
}

/** A ClickHouse whose writing user's password is known here, and a server that uses it. */
async function startBoth(stack: AsyncDisposableStack): Promise<{ server: LoadServer; cold: ColdClient }> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-growth-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const logger = createLogger("silent", { role: "bench" });
  const child = stack.use(
    await startClickHouse({ dir, port: 0, tributaryPassword: PASSWORD, analystPassword: "analyst", analystSeconds: 30, logger }),
  );
  const cold = stack.use(createColdClient({ url: child.url, password: PASSWORD, timeoutMs: 600_000 }));
  const url = child.url.replace("//", `//tributary:${encodeURIComponent(PASSWORD)}@`);
  return { server: stack.use(await startLoadServer({ CLICKHOUSE_URL: url })), cold };
}

/** Messages as they would stand there: numbers from..to of `most`, over the last months. */
async function fill({ clickhouse }: ColdClient, conversationId: string, from: number, to: number, most: number): Promise<void> {
  const begin = Date.now() - DAYS * 86_400_000;
  const step = Math.floor((DAYS * 86_400_000) / most);
  for (let first = from; first < to; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, to - first);
    await clickhouse.command({
      query: `INSERT INTO tributary.messages
        (conversation_id, seq, message_id, prev, count, sender, kind, body, text, at, target, members, mode, revision, client_msg_id, extra)
        WITH number % ${ONE_IN} = 0 AS read, ${begin} + number * ${step} AS ms,
          if(read, intDiv(number, ${ONE_IN}), intDiv(number, ${OTHERS})) + 1 AS n,
          ['all', 'human', 'beings', 'are', 'born', 'free', 'and', 'equal', 'in', 'dignity', 'rights', 'reason'] AS words,
          arrayStringConcat(arrayMap(i -> words[cityHash64(number, i) % 12 + 1], range(25)), ' ') AS t
        SELECT if(read, ${conversationId}, 1000000000000 + number % ${OTHERS}), n, bitShiftLeft(toUInt64(ms - ${EPOCH}), 22) + number % 4096, n - 1, n,
          if(read, 'reader', concat('u', toString(number % 7))), 'text', concat('{"text":"', t, '"}'), t, fromUnixTimestamp64Milli(toInt64(ms), 'UTC'),
          0, 2, 'write', 0, concat('n', toString(number)), '{}'
        FROM numbers(${first}, ${count})`,
    });
  }
}

/** Waits until ClickHouse has no merges under way, at most a minute. */
async function merged({ clickhouse }: ColdClient): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline;) {
    const answer = await clickhouse.query({ query: "SELECT count() AS n FROM system.merges", format: "JSONEachRow" });
    if (Number((await answer.json<{ n: string }>())[0]?.n) === 0) return;
    await after(500);
  }
}

/** Makes the conversation's head say that so many entries were written and left the hot tier. */
async function pretend(hot: Hot, conversationId: string, seq: number): Promise<void> {
  const id = String(BigInt(Date.now() - EPOCH) << 22n);
  await hot.redis.hset(keys.head(conversationId), { s: seq, n: seq, b: seq, l: seq, i: id });
}

async function pageTime(person: Person, conversationId: string, before: number): Promise<number> {
  const { ms, result } = await person.ask<{ messages: { seq: number }[]; tiers: { hot: number } }>("message.history", {
    conversationId,
    before,
  });
  const seqs = result.messages.map(({ seq }) => seq);
  if (result.tiers.hot > 0 || seqs.length !== 50 || seqs.at(-1) !== before - 1)
    throw new Error(`not the page before ${before}: ${seqs.join(", ")}`);
  return ms;
}

/** What a page of history and a send cost by the number of messages in ClickHouse. */
export async function storedGrow(most: number, quick: boolean): Promise<StoredPoint[]> {
  await using stack = new AsyncDisposableStack();
  const { server, cold } = await startBoth(stack);
  const hot = stack.use(await openHot(server.redisUrl ?? "", createLogger("silent", { role: "bench" })));
  const newGroup = async (title: string) =>
    (await server.call<{ conversation: { id: string } }>("reader", "conversation.create", { kind: "group", title, members: ["peer"] }))
      .conversation.id;
  const [old, busy] = [await newGroup("old"), await newGroup("busy")];
  const person = await openPerson(server, "reader");
  await warmUp(person, await newGroup("warm"));
  const points: StoredPoint[] = [];
  let there = 0;
  for (let messages = 100_000; messages <= most; messages *= 10) {
    await fill(cold, old, there, messages, most);
    there = messages;
    await merged(cold);
    const seq = messages / ONE_IN;
    await pretend(hot, old, seq);
    const place = (n: number): number => 52 + ((n * 7_919 + messages) % (seq - 52));
    const page = await medianOf(PAGES, (n) => pageTime(person, old, place(n)));
    points.push({ messages, page, ...(await costOf(server, hot, person, [busy], quick ? 2 : 5)) });
  }
  person.leave();
  return points;
}
