import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import { atRest, costOf, inParallel, medianOf, openPerson, warmUp, type Cost, type Person } from "./growth-load.ts";

/** Users who made the conversations, so that none of them has as many. */
const CREATORS = 50;
const TRIES = 9;

export const conversationCounts = (quick: boolean): number[] => (quick ? [10, 100, 1_000] : [10, 100, 1_000, 10_000]);

export interface ConversationsPoint extends Cost {
  conversations: number;
  /** ms */
  connect: number;
  list: number;
  unread: number;
  timeline: number;
}

/** A group of two with one message that "many" has not read. */
async function addOne(server: LoadServer, n: number): Promise<string> {
  const creator = `creator${n % CREATORS}`;
  const { conversation } = await server.call<{ conversation: { id: string } }>(creator, "conversation.create", {
    kind: "group",
    title: `conversation ${n}`,
    members: ["many"],
  });
  const message = { conversationId: conversation.id, clientMsgId: "first", kind: "text", body: { text: `hello ${n}` } };
  await server.call(creator, "message.send", message);
  return conversation.id;
}

async function connectTime(server: LoadServer): Promise<number> {
  const person = await openPerson(server, "many");
  person.leave();
  return person.connected;
}

async function unreadTime(person: Person, conversations: number): Promise<number> {
  const { ms, result } = await person.ask<{ total: number; conversations: Record<string, number> }>("unread.get", {});
  // One of them was written to by "many", who has thereby read it.
  if (result.total < conversations - 1) throw new Error(`${result.total} unread of ${conversations} conversations`);
  return ms;
}

/** What calls of one user cost by the number of conversations that the user is in. */
export async function conversationsGrow(server: LoadServer, hot: Hot, quick: boolean): Promise<ConversationsPoint[]> {
  const points: ConversationsPoint[] = [];
  const own = await addOne(server, 0);
  const first = await openPerson(server, "creator1");
  await warmUp(first, await addOne(server, 1));
  first.leave();
  let there = 2;
  for (const conversations of conversationCounts(quick)) {
    await inParallel(
      Array.from({ length: conversations - there }, (_, i) => there + i),
      20,
      (n) => addOne(server, n),
    );
    there = conversations;
    await atRest(server, hot);
    const connect = await medianOf(TRIES, () => connectTime(server));
    const person = await openPerson(server, "many");
    const timed = (method: string) => medianOf(TRIES, async () => (await person.ask(method, {})).ms);
    const cost = await costOf(server, hot, person, [own], quick ? 2 : 5);
    points.push({
      conversations,
      ...cost,
      connect,
      list: await timed("conversation.list"),
      unread: await medianOf(TRIES, () => unreadTime(person, conversations)),
      timeline: await timed("timeline.read"),
    });
    person.leave();
  }
  return points;
}
