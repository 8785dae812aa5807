import { has, mutuals } from "#shared/hot/facts.ts";
import { newestPosts } from "#shared/hot/newest.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import { newestFirst } from "../mixer-merge.ts";
import { remembered } from "./remembered.ts";
import type { Asked, Offer, Source } from "./source.ts";

export interface RecommendedParts {
  hot: Hot;
  /** Authors of the user's second ring, the nearest first. */
  secondRing: (user: string, limit: number) => Promise<string[]>;
  logger: Logger;
}

/** Authors whose posts are looked at. */
const AUTHORS = 40;
/** How long authors are remembered, ms; that there are none, shorter: who begins to follow has some soon. */
const KEEP = 60_000;
const KEEP_NONE = 5_000;
/** Entries of a feed looked at beyond the posts wanted: a few may be no messages. */
const LOOK_AHEAD = 4;

/**
 * Recent posts of the second ring: of those whom the people follow whom one follows. The graph names them, now and then; who of them is followed or
 * blocked by now, in either direction, is told by the facts of the moment.
 */
export function createRecommended({ hot, secondRing, logger }: RecommendedParts): Source {
  const authorsOf = remembered<string[]>({
    load: (user) => secondRing(user, AUTHORS),
    keepMs: (authors) => (authors.length === 0 ? KEEP_NONE : KEEP),
    none: [],
    failed: (err) => logger.debug({ err }, "timelines go without recommendations"),
  });

  /** Feeds that may be recommended now. */
  async function feedsFor(user: string): Promise<string[]> {
    const authors = (await authorsOf(user)).filter((author) => author !== user);
    const known = await mutuals(hot, user, authors);
    return known.flatMap(({ mine, theirs, feed }) => (feed === null || has(mine, "f") || has(mine, "b") || has(theirs, "b") ? [] : [feed]));
  }

  return {
    wanted: ({ recommended }) => recommended === true,
    async offer({ user, from, most }: Asked): Promise<Offer[]> {
      const below = from === "" ? "" : String(BigInt(from) + 1n);
      const posts = await newestPosts(hot, user, await feedsFor(user), { below, many: most + LOOK_AHEAD });
      return posts
        .map(({ conversationId, seq, id }): Offer => ({ source: "recommended", key: id, conversationId, seq }))
        .toSorted(newestFirst)
        .slice(0, most);
    },
  };
}
