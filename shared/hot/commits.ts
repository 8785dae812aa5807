import { entryPointer } from "#shared/wire/pointer.ts";
import { type InboxOp, type Written, writtenOf } from "./deliveries.ts";
import { keys, partitionOf } from "./keys.ts";
import type { Recipients } from "./recipients.ts";
import type { Hot } from "./redis.ts";
import { newEpoch } from "./users.ts";

/** A send as the commit script takes it. */
export interface Send {
  user: string;
  /** Names the send in its conversation's dedupe tables. */
  digest: string;
  /** Message id. */
  id: string;
  countable: boolean;
  /** The entry's JSON members, without those that the commit gives. */
  fields: string;
}

/** The sends of a conversation with what the caller knows of those who read it. */
export interface Gathered<One extends Send = Send> {
  conversationId: string;
  /** In the order of arrival. */
  sends: readonly One[];
  /** Seq up to which the room on this node has been given the conversation; null where there is none. */
  roomAt: number | null;
  /** null: what is sent is left to the fan-out, should the conversation be copied. */
  recipients: Recipients | null;
}

/** What came of some sends. */
export interface Outcome {
  /** What commit.lua says of each send, in the order given. */
  results: string[];
  /** Of each conversation, in the order given. */
  handed: Handed[];
  /** What inboxes got, by user. */
  written: Map<string, Written>;
}

/**
 * "": nothing was committed · "room": it is for the caller to give to the room · "copied": inboxes have it · what is left to the fan-out: "left" ·
 * "behind", as not every inbox has all before it · "stale", as the recipients are others.
 */
export type Handed = "" | "room" | "copied" | "left" | "behind" | "stale";

const HANDED: Record<string, Handed> = { "": "", "r+": "room", "r-": "left", "w+": "copied", "w-": "left", "w!": "behind", "w~": "stale" };

/** The sends of a conversation of whose readers nothing is known. */
export const readersUnknown = <One extends Send>(conversationId: string, sends: readonly One[]): Gathered<One> => ({
  conversationId,
  sends,
  roomAt: null,
  recipients: null,
});

/** Commits sends and leaves all that follows to the fan-out. @returns what commit.lua says of each send, in the order given */
export async function commitSends(
  hot: Hot,
  conversations: Iterable<readonly [conversationId: string, sends: readonly Send[]]>,
  generation: number,
): Promise<string[]> {
  const all = Array.from(conversations, ([conversationId, sends]) => readersUnknown(conversationId, sends));
  return (await commitAndCopy(hot, all, generation, false)).results;
}

/**
 * Commits sends of conversations in one script; those of a conversation in the order given. On a cluster they are all of one partition, and nobody's
 * recipients are given. A generation is a window of the dedupe tables.
 * @param archive true if the archive is to have rows of what inboxes get
 */
export async function commitAndCopy(hot: Hot, conversations: readonly Gathered[], generation: number, archive: boolean): Promise<Outcome> {
  const touched: string[] = [];
  const args: (string | number)[] = [conversations.length];
  const users = new Map<string, number[]>();
  for (const [c, { conversationId: id, sends, roomAt, recipients }] of conversations.entries()) {
    touched.push(
      keys.head(id),
      keys.mailbox(id),
      keys.outbox(partitionOf(id)),
      keys.dedupe(id, generation),
      keys.dedupe(id, generation - 1),
    );
    for (const user of recipients?.users ?? []) users.getOrInsertComputed(user, () => []).push(c + 1);
    args.push(id, sends.length, roomAt ?? "", recipients?.membership ?? "");
    for (const send of sends) args.push(send.user, send.digest, send.id, send.countable ? 1 : 0, `m${send.fields}`);
  }
  if (users.size > 0) {
    args.push(newEpoch(), archive ? 1 : 0);
    for (const [user, named] of users) {
      touched.push(keys.user(user), keys.inbox(user));
      args.push(user, named.join(" "));
    }
    touched.push(keys.deliveries(""));
  }
  return outcomeOf((await hot.run("commit", touched, args)) as string[], conversations, users);
}

/** @param users who was named, each with the numbers, from 1, of the conversations that named them */
function outcomeOf(rows: readonly string[], conversations: readonly Gathered[], users: ReadonlyMap<string, number[]>): Outcome {
  const sends = conversations.reduce((sum, one) => sum + one.sends.length, 0);
  const results = rows.slice(0, sends);
  const handed = rows.slice(sends, sends + conversations.length).map((text) => HANDED[text] as Handed);
  const written = new Map<string, Written>();
  if (users.size === 0) return { results, handed, written };
  const ops: InboxOp[] = [];
  let at = 0;
  for (const one of conversations) {
    ops.push(opOf(one, results, at));
    at += one.sends.length;
  }
  let row = sends + conversations.length;
  for (const [user, named] of users) {
    const text = rows[row++] ?? "";
    if (text === "") continue;
    const copied = named.filter((number) => handed[number - 1] === "copied" || handed[number - 1] === "behind");
    written.set(user, writtenOf(text, ops, copied));
  }
  return { results, handed, written };
}

/** The entries of a conversation as the script put them into inboxes: `at` is where its results begin. */
function opOf({ conversationId, sends }: Gathered, results: readonly string[], at: number): InboxOp {
  const op: InboxOp = { letter: "E", conversationId, seq: 0, extra: "", pointers: [] };
  for (const [i, { id }] of sends.entries()) {
    const [outcome, seq = "", count = ""] = (results[at + i] as string).split(" ");
    if (outcome === "1") op.pointers.push(entryPointer("m", conversationId, Number(seq), Number(count), id));
  }
  return op;
}

/** What a commit gave to a conversation. */
export interface Committed {
  conversationId: string;
  /** Who sent first. */
  user: string;
  /** Seq of the first message committed; 0 if none was, or if nobody knows. */
  first: number;
}

/** Arguments of a conversation in a call of commit.lua, and those of a send. */
const OWN = 4;
const OF_SEND = 5;

/** Takes the arguments of such a call and its answer apart. */
export function committedBy(args: readonly (string | number)[], answer: unknown): Committed[] {
  const answers = Array.isArray(answer) ? (answer as string[]) : [];
  const all: Committed[] = [];
  for (let conversation = 0, arg = 1, row = 0; conversation < Number(args[0]); conversation++) {
    const sends = Number(args[arg + 1]);
    const given = answers.slice(row, row + sends).find((text) => text.startsWith("1 "));
    const first = Number(given?.split(" ")[1] ?? 0);
    all.push({ conversationId: String(args[arg]), user: String(args[arg + OWN]), first });
    arg += OWN + sends * OF_SEND;
    row += sends;
  }
  return all;
}
