import type { Redis } from "ioredis";

export interface ConversationIdsOptions {
  redis: Redis;
  /** To be called before a range is taken; what it returns is waited for before an id of it is given out. */
  held?: (key: string) => () => Promise<void>;
  /** Where the counter lives; `ids:conversation` if left out. */
  key?: string;
  /** Ids a range holds; the same for all processes. 1,000 if left out. */
  size?: number;
}

/** Ids for new conversations: global, from `size` on, as decimal strings. Ranges are leased, so they rise within a process only, with gaps. */
export interface ConversationIds {
  /** Rejects with Redis' error when a range is needed and Redis does not answer. */
  next(): Promise<string>;
}

interface Range {
  next: number;
  end: number;
}

/** A range is taken by one INCRBY and never given back; the one after is fetched when four fifths are used, so that callers rarely wait. */
export function createConversationIds({ redis, held, key = "ids:conversation", size = 1_000 }: ConversationIdsOptions): ConversationIds {
  let range: Range = { next: 0, end: 0 };
  let following: Promise<Range> | null = null;

  async function fetchRange(): Promise<Range> {
    const kept = held?.(key);
    const counter = await redis.incrby(key, size);
    await kept?.();
    return { next: counter, end: counter + size };
  }

  function fetchFollowing(): Promise<Range> {
    if (following !== null) return following;
    const fetched = fetchRange();
    following = fetched;
    // One fetched ahead in vain is fetched again when it is needed; whoever waits for it gets the error.
    fetched.catch(() => {
      if (following === fetched) following = null;
    });
    return fetched;
  }

  async function advance(): Promise<void> {
    const fetched = fetchFollowing();
    const fresh = await fetched;
    // Many callers wait for the same range: the first one puts it in place.
    if (following !== fetched) return;
    range = fresh;
    following = null;
  }

  return {
    next: async () => {
      while (range.next >= range.end) await advance();
      const id = range.next;
      range.next += 1;
      if (range.end - range.next <= size / 5) void fetchFollowing();
      return String(id);
    },
  };
}
