import { keys, partitionOf } from "./keys.ts";
import type { Hot } from "./redis.ts";

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

/**
 * Commits sends of conversations in one script; those of a conversation in the order given. On a cluster they are all of one partition. A generation
 * is a window of the dedupe tables.
 * @returns what commit.lua says of each send, in the order given
 */
export async function commitSends(
  hot: Hot,
  conversations: Iterable<readonly [conversationId: string, sends: readonly Send[]]>,
  generation: number,
): Promise<string[]> {
  const touched: string[] = [];
  const args: (string | number)[] = [];
  for (const [id, sends] of conversations) {
    touched.push(
      keys.head(id),
      keys.mailbox(id),
      keys.outbox(partitionOf(id)),
      keys.dedupe(id, generation),
      keys.dedupe(id, generation - 1),
    );
    args.push(id, sends.length);
    for (const send of sends) args.push(send.user, send.digest, send.id, send.countable ? 1 : 0, `m${send.fields}`);
  }
  return (await hot.run("commit", touched, args)) as string[];
}

/** What a commit gave to a conversation. */
export interface Committed {
  conversationId: string;
  /** Who sent first. */
  user: string;
  /** Seq of the first message committed; 0 if none was, or if nobody knows. */
  first: number;
}

/** Keys of a conversation in a call of commit.lua, its own arguments and those of a send. */
const KEYS = 5;
const OWN = 2;
const OF_SEND = 5;

/** Takes the keys and arguments of such a call and its answer apart. */
export function committedBy(touched: readonly string[], args: readonly (string | number)[], answer: unknown): Committed[] {
  const answers = Array.isArray(answer) ? (answer as string[]) : [];
  const all: Committed[] = [];
  for (let key = 0, arg = 0, row = 0; key < touched.length; key += KEYS) {
    const sends = Number(args[arg + 1]);
    const given = answers.slice(row, row + sends).find((text) => text.startsWith("1 "));
    const first = Number(given?.split(" ")[1] ?? 0);
    all.push({ conversationId: String(args[arg]), user: String(args[arg + OWN]), first });
    arg += OWN + sends * OF_SEND;
    row += sends;
  }
  return all;
}
