import { Redis } from "ioredis";
import type { LoadServer } from "../lean/server.ts";
import { startLoadServer } from "../lean/server.ts";
import { startReference, type Reference } from "../reference/start.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";
import { createGroups, post, type Posted } from "./author.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { latency, spread, type Effort, type Row } from "./row.ts";

/** Lists a second. */
const RATE = 50;
const LISTERS = 4;
const PAGE = 50;
const AUTHOR = "author";

interface Conversation {
  id: string;
  title: string;
  seq: number;
  my: { unread: number };
  last: { id: string; body: { text: string } };
}
interface Page {
  conversations: Conversation[];
  total: number;
  cursor: string | null;
}

/** Each lister is in all conversations, each of which has two messages; the order in which the second ones were sent is that of the list. */
export async function prepare(server: LoadServer, conversations: number): Promise<{ listers: string[]; posted: Posted[] }> {
  const listers = Array.from({ length: LISTERS }, (_, i) => `lister${i}`);
  const ids = await createGroups(
    server,
    AUTHOR,
    Array.from({ length: conversations }, () => listers),
  );
  await post(server, AUTHOR, ids);
  const mixed = ids.map((_, i) => ids[(i * 7) % ids.length] as string);
  return { listers, posted: await post(server, AUTHOR, mixed, 1) };
}

/** Walks through a whole list: every conversation once, in order, with its newest message and what is unread. Gives the first page. */
export async function checkedPage(server: LoadServer, lister: string, posted: readonly Posted[]): Promise<Page> {
  const newestFirst = posted.toSorted((a, b) => b.at - a.at || (BigInt(b.id) > BigInt(a.id) ? 1 : -1));
  let first: Page | null = null;
  let cursor: string | null = null;
  const seen = new Set<string>();
  let at = Number.POSITIVE_INFINITY;
  const byId = new Map(newestFirst.map((one) => [one.conversationId, one]));
  do {
    const page: Page = await server.call<Page>(lister, "conversation.list", { limit: PAGE, cursor });
    if (page.total !== 2 * posted.length) throw new Error(`${lister} has a total of ${page.total}, it is ${2 * posted.length}`);
    for (const { id, seq, my, last } of page.conversations) {
      const one = byId.get(id);
      const right = one !== undefined && one.at <= at && seq === 2 && my.unread === 2 && last.id === one.id && last.body.text === one.text;
      if (!right || seen.has(id)) throw new Error(`${lister} got conversation ${id} after one of ${at}: ${JSON.stringify(last)}`);
      seen.add(id);
      at = one.at;
    }
    first ??= page;
    cursor = page.cursor;
  } while (cursor !== null);
  if (seen.size !== posted.length) throw new Error(`${lister} got ${seen.size} conversations of ${posted.length}`);
  return first as Page;
}

/** The bare server has the page's conversations in a list, ready to be sent. */
async function openBare({ port, redisUrl }: Reference, page: Page): Promise<Asker> {
  const redis = new Redis(redisUrl);
  await redis.rpush("list", ...page.conversations.map((one) => JSON.stringify(one)));
  redis.disconnect();
  const expect = `{"missed":${JSON.stringify(page.conversations)}}`;
  const asks = Array.from({ length: LISTERS }, (_, i): Ask => ({
    user: `bare${i}`,
    method: null,
    data: '{"missed":"list","from":0}',
    expect,
  }));
  return openAsker({ host: "127.0.0.1", port, path: "" }, asks, () => "");
}

/** Row list: the first page of `conversation.list` for a user in 1,000 conversations. Every answer is compared with one that a whole walk has proved right. */
export async function listRows({ runs, quick }: Effort): Promise<Row[]> {
  await using reference = await startReference({ durability: "fsync" });
  await using server = await startLoadServer();
  const count = quick ? 200 : 1_000;
  const { listers, posted } = await prepare(server, count);
  const asks: Ask[] = [];
  let page: Page | null = null;
  for (const user of listers) {
    page = await checkedPage(server, user, posted);
    asks.push({ user, method: "conversation.list", data: `{"limit":${PAGE}}`, expect: JSON.stringify(page).slice(0, -1) });
  }
  await using ours = await openAsker(server.target, asks, (user) => server.token(user));
  await using bare = await openBare(reference, page as Page);
  const seconds = quick ? 2 : 10;
  const pid = server.process?.pid ?? 0;
  const redis = redisBelow(pid);
  const figures = {
    p50: [] as number[],
    p99: [] as number[],
    bare50: [] as number[],
    bare99: [] as number[],
    node: [] as number[],
    redis: [] as number[],
  };
  for (let run = -1; run < runs; run++) {
    const reference = latency(await bare.run(RATE, seconds));
    const before = [cpuOf(pid), cpuOf(redis)];
    const { p50, p99 } = latency(await ours.run(RATE, seconds));
    const used = [cpuOf(pid), cpuOf(redis)].map((now, i) => ((now - (before[i] as number)) / (RATE * seconds)) * 1e6);
    if (run < 0) continue;
    figures.p50.push(p50);
    figures.p99.push(p99);
    figures.bare50.push(reference.p50);
    figures.bare99.push(reference.p99);
    figures.node.push(used[0] as number);
    figures.redis.push(used[1] as number);
  }
  const row = (name: string, values: number[], bareValues: number[], most: number | null): Row => ({
    row: "list",
    name: `conversation.list, first 50 of ${count.toLocaleString("en")}, ${name}`,
    unit: "ms",
    ours: values,
    references: [{ name: "bare ws and one LRANGE", values: bareValues }],
    target: most === null ? null : { most },
    notes: [],
  });
  const first = row("p99", figures.p99, figures.bare99, 10);
  const cost = (values: number[]) => spread(values).median.toFixed(0);
  first.notes.push(`${RATE} lists/s; CPU a list: server ${cost(figures.node)} µs, Redis ${cost(figures.redis)} µs`);
  return [row("p50", figures.p50, figures.bare50, null), first];
}
