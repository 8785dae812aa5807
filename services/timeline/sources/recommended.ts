import type { Hot } from "#shared/hot/redis.ts";
import { feedsOf, newestPosts } from "#shared/hot/newest.ts";
import type { Logger } from "#shared/run/logger.ts";
import { newestFirst } from "../mixer-merge.ts";
import { remembered } from "./remembered.ts";
import type { Asked, Offer, Source } from "./source.ts";

export interface RecommendedParts {
  hot: Hot;
  /** Authors of the user's second ring, the nearest first. */
  secondRing: (user: string, limit: number) => Promise<string[]>;
  /** Those of the others who block the user, or whom the user blocks. */
  blocked: (user: string, others: readonly string[]) => Promise<ReadonlySet<string>>;
  logger: Logger;
}

/** Authors whose posts are looked at. */
const AUTHORS = 40;
/** How long authors are remembered, ms; that there are none, shorter: who begins to follow has some soon. */
const KEEP = 60_000;
const KEEP_NONE = 5_000;
/** Entries of a feed looked at beyond the posts wanted: a few may be no messages. */
const LOOK_AHEAD = 4;

interface Author {
  user: string;
  feed: string;
}

/** Recent posts of the second ring: of those whom the people follow whom one follows. Never of those blocked, in either direction. */
export function createRecommended({ hot, secondRing, blocked, logger }: RecommendedParts): Source {
  const authorsOf = remembered<Author[]>({
    keepMs: (authors) => (authors.length === 0 ? KEEP_NONE : KEEP),
    none: [],
    async load(user) {
      const authors = (await secondRing(user, AUTHORS)).filter((author) => author !== user);
      const feeds = await feedsOf(hot, authors);
      return authors.flatMap((author, i) => {
        const feed = feeds[i] ?? null;
        return feed === null ? [] : [{ user: author, feed }];
      });
    },
    failed: (err) => logger.debug({ err }, "a timeline goes without recommendations"),
  });

  return {
    wanted: ({ recommended }) => recommended === true,
    async offer({ user, from, most }: Asked): Promise<Offer[]> {
      const authors = await authorsOf(user);
      if (authors.length === 0) return [];
      const names = authors.map((author) => author.user);
      const shut = await blocked(user, names).catch((err: unknown) => {
        logger.debug({ err }, "a timeline goes without recommendations, as nothing is known of who is blocked");
        return new Set(names);
      });
      const feeds = authors.filter((author) => !shut.has(author.user)).map(({ feed }) => feed);
      const below = from === "" ? "" : String(BigInt(from) + 1n);
      const posts = await newestPosts(hot, user, feeds, { below, many: most + LOOK_AHEAD });
      return posts
        .map(({ conversationId, seq, id }): Offer => ({ source: "recommended", key: id, conversationId, seq }))
        .toSorted(newestFirst)
        .slice(0, most);
    },
  };
}
