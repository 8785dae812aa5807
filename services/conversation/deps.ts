import type { Changing } from "#shared/hot/changes.ts";

/** What the conversation station works with. */
export interface Deps extends Changing {
  conversationIds: { next(): Promise<string> };
  dedupeWindowMs: number;
  /** JSON of the newest message up to a seq that the user may read, from any tier; null if there is none. */
  newestMessage: (conversationId: string, user: string, seq: number) => Promise<string | null>;
  /** A conversation's count at a seq that is no longer hot. Refuses with 108 when the archive is away. */
  coldCount: (conversationId: string, seq: number) => Promise<number>;
  /** Resolves when inboxes hold what was committed before; refuses with 108 when they are behind for long. */
  fanoutCaughtUp: () => Promise<void>;
  relations: {
    /** Follows an author, or no longer. Refuses with 103 whom the author blocks, with 108 when the graph is away. */
    follow: (user: string, author: string, on: boolean) => Promise<void>;
    /** To be called before and after an author's feed is created: who followed before is brought in. */
    feedComes: (author: string) => Promise<void>;
    feedCame: (author: string) => Promise<void>;
  };
}
