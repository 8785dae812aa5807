import type { Place } from "#shared/graph/port.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Deps } from "./deps.ts";
import { keepFollowing } from "./following.ts";

/**
 * Who followed an author before they had a feed stands in the graph alone, and is brought in when it is created: page by page, newest first, whoever
 * comes in the meantime by themselves. Where it has come to is kept in Redis, so that any process goes on with it.
 */

/** Followers brought in between two notes of where it has come to. */
const PAGE = 200;
/** Of these at once. */
const AT_ONCE = 20;
/** Without a feed by then, its creation has failed (ms). */
const ABANDONED = 60_000;

/** To be called before a feed is created, so that no crash forgets its followers. */
export async function noteNewFeed({ hot }: Pick<Deps, "hot">, author: string): Promise<void> {
  await hot.redis.hsetnx(keys.filling, author, String(Date.now()));
}

/** Authors whose followers are still to be brought in. */
export const feedsToFill = ({ hot }: Pick<Deps, "hot">): Promise<string[]> => hot.redis.hkeys(keys.filling);

/**
 * Brings in the next followers of an author's new feed.
 * @returns true if there may be more
 */
export async function fillFeed(deps: Deps, author: string): Promise<boolean> {
  const { hot, graph, metrics } = deps;
  const [note, feed] = await Promise.all([hot.redis.hget(keys.filling, author), hot.redis.get(keys.feed(author))]);
  if (note === null) return false;
  const [begun = "", since, user] = note.split(" ");
  if (feed === null || (await hot.redis.exists(keys.head(feed))) === 0) {
    if (Date.now() - Number(begun) > ABANDONED) await hot.redis.hdel(keys.filling, author);
    return false;
  }
  const after: Place | null = user === undefined ? null : { since: Number(since), user };
  const page = await graph.list(author, "followers", after, PAGE);
  for (let first = 0; first < page.length; first += AT_ONCE) {
    const moved = await Promise.all(page.slice(first, first + AT_ONCE).map((place) => keepFollowing(deps, place.user, author)));
    metrics.tributary_relation_filled_total.inc(moved.filter(Boolean).length);
  }
  const last = page.at(-1);
  if (last === undefined || page.length < PAGE) await hot.redis.hdel(keys.filling, author);
  else await hot.redis.hset(keys.filling, author, `${begun} ${last.since} ${last.user}`);
  return page.length === PAGE;
}
