import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import type { Batch } from "./batch.ts";
import { longFrom } from "./rules.ts";
import { runPipeline } from "./streams.ts";

/** What is hot of a mailbox. */
export interface MailboxState {
  conversationId: string;
  seq: number;
  /** Seq of the newest message, 0 if there is none. */
  newest: number;
  base: number;
  /** ms of the newest entry, 0 if there is none. */
  lastAt: number;
}

/** What is hot of an inbox. */
export interface InboxState {
  user: string;
  offset: number;
  base: number;
}

/** Remembers, in Redis, the mailboxes and inboxes that a batch made long, so that the scheduler need not look for them. */
export async function noteLong(hot: Hot, { mailboxes, inboxes }: Pick<Batch, "mailboxes" | "inboxes">): Promise<void> {
  const pipeline = hot.pipeline();
  for (const [of, lengths] of [
    ["mailbox", mailboxes],
    ["inbox", inboxes],
  ] as const) {
    const least = longFrom(of, true);
    for (const [member, length] of lengths) if (length >= least) pipeline.zadd(keys.tidy(of), length, member);
  }
  if (pipeline.length > 0) await runPipeline(pipeline);
}

/** Corrects what is remembered after a look at the true lengths. */
export async function correctLong(hot: Hot, of: "mailbox" | "inbox", lengths: ReadonlyMap<string, number>): Promise<void> {
  const pipeline = hot.pipeline();
  for (const [member, length] of lengths) {
    if (length >= longFrom(of, true)) pipeline.zadd(keys.tidy(of), length, member);
    else pipeline.zrem(keys.tidy(of), member);
  }
  if (pipeline.length > 0) await runPipeline(pipeline);
}

/** The longest of those remembered, at least `least` long, at most `most` of them. */
export const longest = (hot: Hot, of: "mailbox" | "inbox", least: number, most: number): Promise<string[]> =>
  hot.redis.zrevrangebyscore(keys.tidy(of), "+inf", least, "LIMIT", 0, most);

/** Those of the conversations that exist. */
export async function mailboxStates(hot: Hot, conversationIds: readonly string[]): Promise<MailboxState[]> {
  const pipeline = hot.pipeline();
  for (const id of conversationIds) pipeline.hmget(keys.head(id), "s", "l", "b", "i");
  const rows = await runPipeline<(string | null)[]>(pipeline);
  return rows.flatMap(([seq, newest, base, lastId], i) => {
    if (seq === null || seq === undefined) return [];
    const lastAt = lastId === "0" || lastId === null || lastId === undefined ? 0 : timeOf(lastId);
    return [{ conversationId: conversationIds[i] as string, seq: Number(seq), newest: Number(newest), base: Number(base), lastAt }];
  });
}

/** Those of the users that have an inbox. */
export async function inboxStates(hot: Hot, users: readonly string[]): Promise<InboxState[]> {
  const pipeline = hot.pipeline();
  for (const user of users) pipeline.hmget(keys.user(user), "o", "b");
  const rows = await runPipeline<(string | null)[]>(pipeline);
  return rows.flatMap(([offset, base], i) =>
    offset === null || offset === undefined ? [] : [{ user: users[i] as string, offset: Number(offset), base: Number(base ?? 0) }],
  );
}
