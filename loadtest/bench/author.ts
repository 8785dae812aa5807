import { openDevice } from "../lean/device.ts";
import type { LoadServer } from "../lean/server.ts";

/** A message that was sent, and what the server said of it. */
export interface Posted {
  conversationId: string;
  text: string;
  clientMsgId: string;
  id: string;
  seq: number;
  at: number;
}

/** Words of about 200 bytes that differ from message to message. */
export function wordsOf(n: number): string {
  const words = [
    "All",
    "human",
    "beings",
    "are",
    "born",
    "free",
    "and",
    "equal",
    "in",
    "dignity",
    "rights",
    "reason",
    "conscience",
    "spirit",
  ];
  const chosen = Array.from({ length: 32 }, (_, i) => words[(n * 7 + i * (1 + (n % 11))) % words.length]);
  return `${n} ${chosen.join(" ")}`;
}

/** How many sends wait for their answer at most. */
const IN_FLIGHT = 100;

/**
 * Sends one message to each of the conversations given, in this order; resolves when all are answered and fanned out.
 * @param round tells the client message ids of several calls apart
 */
export async function post(server: LoadServer, author: string, conversationIds: readonly string[], round = 0): Promise<Posted[]> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const posted: Posted[] = [];
  let sent = 0;
  let answered = 0;
  const line = (text: string): void => {
    if (!text.startsWith('{"id"')) return;
    const { id, rpc, error } = JSON.parse(text) as { id: number; rpc?: { data: Posted & { duplicate: boolean } }; error?: unknown };
    const of = posted[id - 2];
    if (rpc === undefined || of === undefined) return reject(new Error(JSON.stringify(error)));
    Object.assign(of, { id: rpc.data.id, seq: rpc.data.seq, at: rpc.data.at });
    if (++answered === conversationIds.length) resolve();
    else more();
  };
  const closed = (code: number) => reject(new Error(`the author was closed with ${code}`));
  const device = await openDevice(server.target, { user: author, token: await server.token(author) }, { line, closed });
  const more = (): void => {
    for (; sent < conversationIds.length && sent - answered < IN_FLIGHT; sent++) {
      const conversationId = conversationIds[sent] as string;
      const [text, clientMsgId] = [wordsOf(sent), `n${round}-${sent}`];
      posted.push({ conversationId, text, clientMsgId, id: "", seq: 0, at: 0 });
      device.rpc(sent + 2, "message.send", JSON.stringify({ conversationId, clientMsgId, kind: "text", body: { text } }));
    }
  };
  if (conversationIds.length > 0) {
    more();
    await promise;
  }
  device.destroy();
  await server.caughtUp();
  return posted;
}

/** Creates groups of the author with the members given, so many at a time; their ids. */
export async function createGroups(server: LoadServer, author: string, members: readonly (readonly string[])[]): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const work = async () => {
    while (next < members.length) {
      const index = next++;
      const params = { kind: "group", title: `Group ${index}`, members: members[index] };
      const { conversation } = await server.call<{ conversation: { id: string } }>(author, "conversation.create", params);
      ids[index] = conversation.id;
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return ids;
}
