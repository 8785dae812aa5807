import type { Entry } from "#shared/wire/entry.ts";
import type { Handler, Publication, WatchUser } from "#shared/wire/ports.ts";
import type { ColdStore } from "#shared/cold/store.ts";
import { createEntries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { userState } from "#shared/hot/users.ts";
import { inboxPublications, pointersBetween, type Reading } from "./missed.ts";
import { createRecovery } from "./recovery.ts";
import { createSync } from "./sync.ts";

/** What the timeline station gives to the door, and its methods. */
export function createTimeline({ hot, cold }: { hot: Hot; cold: ColdStore }) {
  const entries = createEntries(hot, null);
  const reading: Reading = { hot, entries, coldPointers: null };
  return {
    entries,
    recover: createRecovery(reading),
    /** Publications of an inbox, from and to included, from every tier; null if some are nowhere. */
    async readInbox(user: string, from: number, to: number): Promise<Publication[] | null> {
      const placed = await pointersBetween(reading, user, from, to);
      return placed.length === to - from + 1 ? inboxPublications(reading, user, await userState(hot, user), placed) : null;
    },
    newestMessage: async (_conversationId: string, _user: string): Promise<Entry | null> => null,
    countAt: async (conversationId: string, seq: number): Promise<number> => (await cold.countAt(conversationId, seq)) ?? 0,
    methods: (watch: WatchUser): [string, Handler][] => [["timeline.sync", createSync(reading, watch)]],
  };
}
