import { keys } from "./keys.ts";
import { parseStays } from "./member.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

/** Where a message stands. */
export interface Post {
  conversationId: string;
  seq: number;
  /** Message id. */
  id: string;
}

/**
 * The newest hot messages of conversations that the user is not in and was not in when they were sent, in no order.
 * @param below message id that they are below; '' for no such bound
 * @param many entries of each that are looked at
 */
export async function newestPosts(
  hot: Hot,
  user: string,
  conversationIds: readonly string[],
  { below, many }: { below: string; many: number },
): Promise<Post[]> {
  if (conversationIds.length === 0) return [];
  const touched = conversationIds.flatMap((id) => [keys.head(id), keys.mailbox(id), keys.past(id)]);
  const rows = await spread<string>(hot, "newest", { keys: touched, each: 3, args: [user, below, many] });
  return rows.flatMap((row, i) => {
    const [past = "", ...lines] = row.split("\n");
    const stays = parseStays(past);
    return lines
      .map((line): Post => {
        const [seq, id = ""] = line.split(" ");
        return { conversationId: conversationIds[i] as string, seq: Number(seq), id };
      })
      .filter(({ seq }) => !stays.some(({ joined, left }) => joined < seq && seq <= left));
  });
}
