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
