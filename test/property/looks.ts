import type { Ledger } from "./ledger.ts";
import type { Answer, Conversation } from "./wire.ts";

type Ask = (method: string, params: object) => Promise<Answer>;

async function ask<T>(call: Ask, method: string, params: object): Promise<T | null> {
  const answer = await call(method, params);
  return "result" in answer ? (answer.result as T) : null;
}

/** All pages of `conversation.list`; each page's total must be that of a list of all, so with one page the sum is checked at once. */
export async function lookAtList(
  ledger: Ledger,
  user: string,
  call: Ask,
  limit: number,
): Promise<{ all: Conversation[]; totals: number[] } | null> {
  const all: Conversation[] = [];
  const totals: number[] = [];
  let cursor: string | null = null;
  do {
    const note = ledger.asking(user, "conversation.list");
    const params: object = { limit, ...(cursor === null ? {} : { cursor }) };
    const page: { conversations: Conversation[]; total: number; cursor: string | null } | null = await ask(
      call,
      "conversation.list",
      params,
    );
    if (page === null) return null;
    note(page.conversations);
    all.push(...page.conversations);
    totals.push(page.total);
    if (cursor === null && page.cursor === null) checkTotal(ledger, user, "conversation.list", page.total, sumOf(page.conversations));
    cursor = page.cursor;
  } while (cursor !== null);
  return { all, totals };
}

const sumOf = (conversations: readonly Conversation[]): number =>
  conversations.reduce((sum, { my, kind }) => sum + (my?.muted === false && kind !== "feed" ? my.unread : 0), 0);

function checkTotal(ledger: Ledger, user: string, method: string, total: number, sum: number): void {
  if (total !== sum) ledger.fault(`${method} of ${user}: total ${total}, the sum of its unread is ${sum}`);
}

export interface Unread {
  total: number;
  conversations: Record<string, number>;
}

/** `unread.get`, whose total is the sum of what it names. */
export async function lookAtUnread(ledger: Ledger, user: string, call: Ask): Promise<Unread | null> {
  const answer = await ask<Unread>(call, "unread.get", {});
  if (answer === null) return null;
  const counts = Object.values(answer.conversations);
  if (counts.includes(0)) ledger.fault(`unread.get of ${user} names a conversation with nothing unread`);
  checkTotal(
    ledger,
    user,
    "unread.get",
    answer.total,
    counts.reduce((sum, one) => sum + one, 0),
  );
  return answer;
}

/** `conversation.get`; null for who is no member. */
export async function lookAtOne(ledger: Ledger, user: string, call: Ask, conversationId: string): Promise<Conversation | null> {
  const note = ledger.asking(user, "conversation.get");
  const answer = await ask<{ conversation: Conversation }>(call, "conversation.get", { conversationId });
  if (answer === null) return null;
  note([answer.conversation]);
  return answer.conversation;
}
