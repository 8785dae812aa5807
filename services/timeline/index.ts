import type { Registry } from "prom-client";
import type { ColdStore } from "#shared/cold/store.ts";
import type { Graph } from "#shared/graph/port.ts";
import { createEntries } from "#shared/hot/entries.ts";
import type { Progress } from "#shared/hot/progress.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { arrived } from "#shared/hot/timelines.ts";
import { userState } from "#shared/hot/users.ts";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Handler, Publication, WatchUser } from "#shared/wire/ports.ts";
import { coldPointers } from "./archived-pointers.ts";
import { messageHistory, newestBelow, type HistoryDeps } from "./history.ts";
import { timelineMetrics } from "./metrics.ts";
import type { MixerDeps } from "./mixer-open.ts";
import { inboxPublications, pointersBetween, type Reading } from "./missed.ts";
import { timelineRead } from "./read.ts";
import { createRecovery } from "./recovery.ts";
import { createStore } from "./store.ts";
import { createRooms } from "./rooms.ts";
import { createRecommended } from "./sources/recommended.ts";
import type { Source } from "./sources/source.ts";
import { createSync } from "./sync.ts";

export interface TimelineParts {
  hot: Hot;
  graph: Pick<Graph, "secondRing">;
  cold: ColdStore;
  progress: Progress;
  warmDays: number;
  logger: Logger;
  registry: Registry;
}

/** The timeline station: what it gives to the door and the other stations, and its methods. */
export function createTimeline({ hot, graph, cold, progress, warmDays, logger, registry }: TimelineParts) {
  const { tributary_history_archive_pages_total: archivePages } = defineMetrics(registry, timelineMetrics);
  const store = createStore({ hot, cold, logger, counted: (outcome) => archivePages.inc({ outcome }) });
  const entries = createEntries(hot, store.coldEntries);
  const reading: Reading = { hot, entries, coldPointers: coldPointers(cold) };
  const pages: HistoryDeps = { hot, store, warmDays };
  const mixing: MixerDeps = {
    hot,
    entries,
    store,
    rooms: createRooms(),
    arrived: (user, pending) => arrived(hot, progress, user, pending),
  };
  /** What is mixed into timelines where it is asked for. */
  const sources: Source[] = [createRecommended({ hot, secondRing: (user, limit) => graph.secondRing(user, limit), logger })];
  return {
    entries,
    recover: createRecovery(reading),
    /** Publications of an inbox, from and to included, from every tier; null if some are nowhere. */
    async readInbox(user: string, from: number, to: number): Promise<Publication[] | null> {
      const placed = await pointersBetween(reading, user, from, to);
      return placed.length === to - from + 1 ? inboxPublications(reading, user, await userState(hot, user), placed) : null;
    },
    /** JSON of the newest message up to a seq that the user may read, from any tier; null if there is none. */
    newestMessage: (conversationId: string, user: string, seq: number): Promise<string | null> =>
      newestBelow(pages, user, conversationId, seq + 1),
    /** A conversation's count at a seq that is no longer hot. Refuses with 108 when the archive is away. */
    async countAt(conversationId: string, seq: number): Promise<number> {
      const count = await cold.countAt(conversationId, seq).catch(() => null);
      if (count === null) throw new Refusal(108, "the archive is away");
      return count;
    },
    methods: (watch: WatchUser): [string, Handler][] => [
      ["message.history", messageHistory(pages)],
      ["timeline.read", timelineRead(mixing, sources)],
      ["timeline.sync", createSync(reading, watch)],
    ],
  };
}
