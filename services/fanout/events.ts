import { keys } from "#shared/hot/keys.ts";
import { myOf, views, type View } from "#shared/hot/conversations.ts";
import { parseMember, type Member } from "#shared/hot/member.ts";
import { listedIds } from "#shared/hot/users.ts";
import { totalOf, unreadCounts } from "#shared/hot/standings.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Conversation, Mode } from "#shared/wire/values.ts";

/**
 * `conversation` events without their total, which each reader's node puts in. Beside the contract's fields they say what changed, at which seq,
 * and for who joined whether the conversation is delivered by its channel ("read") from there.
 */
function conversationJson(conversation: Conversation, change: "joined" | "left" | "changed", seq?: number, delivery?: Mode): string {
  return JSON.stringify({ type: "conversation", change, seq, delivery, conversation });
}

/** What a user is told of a conversation that they are not in any more. */
export function leftJson(view: View, seq: number): string {
  const { my: _, ...conversation } = view.conversation;
  return conversationJson(conversation, "left", seq);
}

/** What each of the users is told of a conversation they have come into. Users who are out again meanwhile are told what is left of it. */
export async function joinedJson(
  hot: Hot,
  conversationId: string,
  users: readonly string[],
  seq: number,
  mode: "w" | "r",
): Promise<Map<string, string>> {
  const json = (conversation: Conversation) => conversationJson(conversation, "joined", seq, mode === "r" ? "read" : "write");
  const events = new Map<string, string>();
  const [view] = await views(hot, users[0] ?? "", [conversationId]);
  if (view === null || view === undefined) return events;
  if (view.conversation.kind === "single") {
    for (const user of users) {
      const [own] = await views(hot, user, [conversationId]);
      if (own !== null && own !== undefined) events.set(user, json(own.conversation));
    }
    return events;
  }
  const { my: _, ...conversation } = view.conversation;
  const members = await membersOf(hot, conversationId, users);
  for (const [i, user] of users.entries()) {
    const member = members[i] ?? null;
    events.set(user, json(member === null ? conversation : { ...conversation, my: myOf(member, conversation.count) }));
  }
  return events;
}

async function membersOf(hot: Hot, conversationId: string, users: readonly string[]): Promise<(Member | null)[]> {
  const members: (Member | null)[] = [];
  for (let first = 0; first < users.length; first += 1_000) {
    const some = users.slice(first, first + 1_000).map((user) => `@${user}`);
    for (const text of await hot.redis.hmget(keys.head(conversationId), ...some)) members.push(parseMember(text ?? ""));
  }
  return members;
}

/** What a user is told when their own flags changed; null if they are out meanwhile. */
export async function ownJson(hot: Hot, conversationId: string, user: string): Promise<string | null> {
  const [view] = await views(hot, user, [conversationId]);
  return view?.conversation.my === undefined ? null : conversationJson(view.conversation, "changed");
}

/** The `read` event, with the user's unread counts as they are when it is written. */
export async function readJson(hot: Hot, conversationId: string, user: string, readSeq: number, count: number): Promise<string> {
  const counts = await unreadCounts(hot, user, await listedIds(hot, user));
  const listed = counts.find((one) => one.conversationId === conversationId);
  // A followed feed is in no list.
  const unread = (listed ?? (await unreadCounts(hot, user, [conversationId]))[0])?.unread ?? 0;
  return JSON.stringify({ type: "read", conversationId, readSeq, count, unread, total: totalOf(counts) });
}
