import { join, leave } from "#shared/hot/changes.ts";
import { has, parseFact } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Deps } from "./deps.ts";

/**
 * Makes a user a member of the author's feed, where there is one, or none, as the user's facts say. Looks at these again after each step, so that of
 * several who do this at once for the same two whoever looks last leaves it right.
 * @returns true if it changed anything
 */
export async function keepFollowing(
  deps: Pick<Deps, "hot" | "ids" | "fanoutWriteMax" | "logger">,
  user: string,
  author: string,
): Promise<boolean> {
  const { hot, logger } = deps;
  const feed = await hot.redis.get(keys.feed(author));
  if (feed === null) return false;
  let moved = false;
  for (;;) {
    const [line, member, there] = await Promise.all([
      hot.redis.hget(keys.facts(user), author),
      hot.redis.hget(keys.head(feed), `@${user}`),
      hot.redis.exists(keys.head(feed)),
    ]);
    const wanted = has(parseFact(line ?? ""), "f");
    if (there === 0 || wanted === (member !== null)) return moved;
    try {
      const before = wanted ? await join(deps, feed, user, "follow", [user]) : await leave(deps, feed, user, "leave", [user]);
      moved ||= before.length === 0;
    } catch (thrown) {
      if (!(thrown instanceof Refusal) || (thrown.code !== 103 && thrown.code !== 106)) throw thrown;
      // Another was faster, which the next look shows; or the feed is full, and the following stands in the graph alone.
      if (thrown.code === 106) {
        logger.warn({ feed, user }, "a feed is full: this follower gets nothing of it");
        return moved;
      }
    }
  }
}
