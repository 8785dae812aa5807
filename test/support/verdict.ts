import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { expect } from "vitest";
import type { Conversation, Message } from "#shared/wire/values.ts";
import type { Chatter, Said } from "./chatter.ts";
import type { HttpCalls } from "./http-calls.ts";
import { hears, range, seqsOf } from "./sdk-device.ts";
import { conversationsOf } from "./story.ts";
import { until } from "./until.ts";

interface Page {
  messages: Message[];
  first: number;
  more: boolean;
}

async function history(stage: HttpCalls, user: string, conversationId: string): Promise<Message[]> {
  const pages: Message[][] = [];
  for (let before: number | undefined; ;) {
    const page: Page = await stage.call(user, "message.history", {
      conversationId,
      limit: 200,
      ...(before === undefined ? {} : { before }),
    });
    pages.unshift(page.messages);
    if (!page.more) return pages.flat();
    before = page.first;
  }
}

/**
 * Holds everything that was acknowledged against what is there when the talk is over: seqs 1..n, nothing missing or doubled, each sender's order,
 * the same on every device, unread as recomputed, and every row once in ClickHouse.
 */
export async function verdict(chatter: Chatter, stage: HttpCalls, clickhouseUrl: string): Promise<void> {
  for (const { user, subscribed } of chatter.devices) {
    expect({ user, lost: subscribed.filter(({ wasRecovering, recovered }) => wasRecovering && !recovered) }).toEqual({ user, lost: [] });
  }
  expect([...chatter.refusals.keys()].filter((code) => code !== 108 && code !== 111)).toEqual([]);
  for (const { id } of chatter.conversations) {
    const said = chatter.said.filter(({ conversationId }) => conversationId === id);
    const messages = await history(stage, "ann", id);
    expect(seqsOf(messages)).toEqual(range(1, said.length));
    holds(messages, said);
    await everyDevice(chatter, stage, id, messages);
  }
  for (const { user } of chatter.devices) await unread(chatter, stage, user);
  await rows(chatter, clickhouseUrl);
}

function holds(messages: readonly Message[], said: readonly Said[]): void {
  const bySeq = new Map(messages.map((message) => [message.seq, message]));
  for (const { clientMsgId, user, text, ack } of said) {
    const there = bySeq.get(ack?.seq ?? 0);
    expect({ id: there?.id, clientMsgId: there?.clientMsgId, from: there?.from, body: there?.body }).toEqual({
      id: ack?.id,
      clientMsgId,
      from: user,
      body: { text },
    });
  }
  expect(new Set(messages.map(({ clientMsgId }) => clientMsgId)).size).toBe(messages.length);
  expect(messages.every(({ id }, i) => i === 0 || BigInt(id) > BigInt(messages[i - 1]?.id ?? 0))).toBe(true);
  for (const user of new Set(messages.map(({ from }) => from))) {
    const order = messages.flatMap(({ from, body }) => (from === user ? [Number((body as { text: string }).text.split(" ")[1])] : []));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
}

/** Each device of a member heard every entry once and in order, by what it recovered itself. */
async function everyDevice(chatter: Chatter, stage: HttpCalls, id: string, messages: readonly Message[]): Promise<void> {
  const { members } = await stage.call<{ members: { user: string }[] }>("ann", "conversation.members", { conversationId: id });
  for (const device of chatter.devices.filter(({ user }) => members.some((member) => member.user === user))) {
    await hears(device, id, messages.length, 60_000);
    expect({ user: device.user, id, heard: seqsOf(device.heard(id)) }).toEqual({ user: device.user, id, heard: range(1, messages.length) });
    expect(device.heard(id).map(({ text }) => text)).toEqual(messages.map(({ body }) => (body as { text: string }).text));
  }
}

/** Sending implies having read up to one's own message; every entry of the talk counts. */
async function unread(chatter: Chatter, stage: HttpCalls, user: string): Promise<void> {
  const talked = new Set(chatter.conversations.map(({ id }) => id));
  const list = await conversationsOf(stage, user);
  const [conversations, total] = [list.conversations.filter(({ id }) => talked.has(id)), list.total];
  const wanted = (id: string, head: number): number => {
    const own = chatter.said.filter((one) => one.user === user && one.conversationId === id).map(({ ack }) => ack?.seq ?? 0);
    return head - Math.max(0, ...own, chatter.readSeqs.get(`${user} ${id}`) ?? 0);
  };
  expect(conversations.map(({ id, my }: Conversation) => [id, my?.unread])).toEqual(
    conversations.map(({ id, seq }) => [id, wanted(id, seq)]),
  );
  expect(total).toBe(conversations.reduce((sum, { id, seq }) => sum + wanted(id, seq), 0));
  expect((await stage.call<{ total: number }>(user, "unread.get", {})).total).toBe(total);
}

/** Waits until ClickHouse has everything, then counts rows plainly. */
async function rows(chatter: Chatter, url: string): Promise<void> {
  const client = createClient({ url, database: "tributary", request_timeout: 10_000, log: { level: ClickHouseLogLevel.OFF } });
  const ask = async (query: string) => (await client.query({ query, format: "JSONEachRow" })).json<Record<string, number | string>>();
  const byConversation =
    "SELECT toString(conversation_id) AS key, toUInt32(count()) AS n, toUInt32(uniqExact(seq)) AS u FROM messages GROUP BY key";
  const byUser = "SELECT user AS key, toUInt32(count()) AS n, toUInt32(uniqExact(offset)) AS u FROM inbox GROUP BY key";
  const lengths = new Map<string, number>();
  for (const { conversationId } of chatter.said) lengths.set(conversationId, (lengths.get(conversationId) ?? 0) + 1);
  for (const { user, positions } of chatter.devices) lengths.set(user, positions[`inbox:${user}`]?.offset ?? 0);
  let found: Record<string, number | string>[] = [];
  try {
    await until(
      async () => {
        found = await Promise.all([ask(byConversation), ask(byUser)]).then(
          (both) => both.flat().filter(({ key }) => lengths.has(String(key))),
          () => [],
        );
        return [...lengths].every(([key, n]) => found.some((row) => row["key"] === key && Number(row["u"]) >= n));
      },
      60_000,
      () => `all rows in ClickHouse: ${JSON.stringify({ wanted: [...lengths], found })}`,
    );
    expect(found.filter(({ n, u }) => n !== u)).toEqual([]);
    expect(Object.fromEntries(found.map(({ key, n }) => [key, n]))).toEqual(Object.fromEntries(lengths));
  } finally {
    await client.close();
  }
}
