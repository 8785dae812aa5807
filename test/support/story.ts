import { createClient } from "@clickhouse/client";
import type { Conversation, Message, Positions } from "#shared/wire/values.ts";
import type { HttpCalls } from "./http-calls.ts";
import { range, type Device } from "./sdk-device.ts";
import { until } from "./until.ts";

/** Where a story is told: a running Tributary, in however many processes. */
export interface Stage extends HttpCalls {
  socket: string;
  clickhouseUrl: string;
  /** Logs of all server processes. */
  logs(): string[];
  end(): PromiseLike<void>;
}

/** Sends "<user> 1" … "<user> n", at most `atOnce` of them without an answer. Resolves to the last seq. */
export async function tell(device: Device, conversationId: string, n: number, atOnce = 100): Promise<number> {
  let last = 0;
  for (let from = 1; from <= n; from += atOnce) {
    const sent = await Promise.all(
      range(from, Math.min(n, from + atOnce - 1)).map((i) => device.send(conversationId, `${device.user} ${i}`)),
    );
    last = sent.at(-1)?.seq ?? last;
  }
  return last;
}

/** Sends "<user> 1", "<user> 2" …, five at once, until it is told that it is over. Resolves to how many. */
export async function tellUntil(device: Device, conversationId: string, over: AbortSignal): Promise<number> {
  let n = 0;
  while (!over.aborted) await Promise.all(range(1, 5).map(() => device.send(conversationId, `${device.user} ${++n}`)));
  return n;
}

interface Told {
  seq: number;
  text: string | null;
}

interface Tiers {
  hot: number;
  warm: number;
  cold: number;
}

const told = (message: Message): Told => ({ seq: message.seq, text: (message.body as { text?: string } | null)?.text ?? null });

/** Messages after a seq, by history from the newest page back; `tiers` says where they came from. */
export async function scroll(device: Device, conversationId: string, after: number): Promise<Told[] & { tiers: Tiers }> {
  const pages: Told[][] = [];
  const tiers: Tiers = { hot: 0, warm: 0, cold: 0 };
  for (let before: number | undefined; ;) {
    const page = await device.rpc<{ messages: Message[]; first: number; tiers: Tiers; more: boolean }>("message.history", {
      conversationId,
      limit: 200,
      ...(before === undefined ? {} : { before }),
    });
    pages.unshift(page.messages.map(told).filter(({ seq }) => seq > after));
    for (const tier of ["hot", "warm", "cold"] as const) tiers[tier] += page.tiers[tier];
    if (!page.more || page.first <= after + 1) return Object.assign(pages.flat(), { tiers });
    before = page.first;
  }
}

/** What `timeline.sync` gives of a conversation from these positions on, page by page. */
export async function syncAll(
  device: Device,
  positions: Positions,
  conversationId: string,
): Promise<{ entries: Told[]; positions: Positions; lost: string[] }> {
  interface Page {
    publications: { channel: string; offset: number; data: { message?: Message } }[];
    positions: Positions;
    lost: string[];
    more: boolean;
  }
  const entries: Told[] = [];
  const lost: string[] = [];
  let at = positions;
  for (let more = true; more;) {
    const page: Page = await device.rpc("timeline.sync", { positions: at, limit: 200 });
    for (const { data } of page.publications) if (data.message?.conversationId === conversationId) entries.push(told(data.message));
    lost.push(...page.lost);
    ({ positions: at, more } = page);
  }
  return { entries, positions: at, lost };
}

/** All pages of `conversation.list`, with the total of the first. */
export async function conversationsOf(stage: HttpCalls, user: string): Promise<{ conversations: Conversation[]; total: number }> {
  interface Page {
    conversations: Conversation[];
    total: number;
    cursor: string | null;
  }
  const first = await stage.call<Page>(user, "conversation.list", {});
  const conversations = [...first.conversations];
  for (let { cursor } = first; cursor !== null;) {
    const page: Page = await stage.call(user, "conversation.list", { cursor });
    conversations.push(...page.conversations);
    ({ cursor } = page);
  }
  return { conversations, total: first.total };
}

export interface Item {
  source: string;
  key: string;
  message: Message;
}

/** All pages of `timeline.read`. */
export async function walkTimeline(stage: HttpCalls, user: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null = null; ;) {
    const page: { items: Item[]; cursor: string | null } = await stage.call(user, "timeline.read", { limit: 200, cursor });
    items.push(...page.items);
    if (page.cursor === null) return items;
    cursor = page.cursor;
  }
}

export interface Counted {
  rows: number;
  seqs: number;
  first: number;
  last: number;
}

/** What an analyst counts of a conversation, with ClickHouse's own client and plain SQL; waits up to `ms` for the rows that should be there. */
export async function analyst(url: string, conversationId: string, wanted: number, ms = 30_000): Promise<Counted> {
  const client = createClient({ url, username: "default", database: "tributary" });
  const query = `SELECT toUInt32(count()) AS rows, toUInt32(uniqExact(seq)) AS seqs, toUInt32(min(seq)) AS first, toUInt32(max(seq)) AS last
    FROM messages WHERE conversation_id = ${conversationId}`;
  let counted: Counted | undefined;
  try {
    await until(
      async () => {
        [counted] = await (await client.query({ query, format: "JSONEachRow" })).json<Counted>();
        return (counted?.rows ?? 0) >= wanted;
      },
      ms,
      () => `${wanted} rows of ${conversationId}, there is ${JSON.stringify(counted)}`,
    );
  } finally {
    await client.close();
  }
  return counted as Counted;
}
