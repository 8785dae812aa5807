import { setTimeout as after } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { ColdStore } from "#shared/cold/store.ts";
import { compareStreamIds } from "#shared/hot/progress.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Tail } from "#shared/log/port.ts";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics } from "#shared/run/metrics.ts";
import { createArchiver } from "./archiver.ts";
import type { Outcome } from "./carry.ts";
import type { ArchiveConfig } from "./look.ts";
import { archiveMetrics } from "./metrics.ts";
import type { Action } from "./plan.ts";
import { createScheduler } from "./scheduler.ts";
import { runPipeline, streamsOf, type Stream } from "./streams.ts";

export interface ArchiveDeps {
  hot: Hot;
  /** What this process has at hand, committed by itself or read before. */
  entries: Pick<Entries, "peek">;
  cold: ColdStore;
  /** Where what was committed comes from; null: the outbox itself. */
  tail: Tail | null;
  config: ArchiveConfig;
  logger: Logger;
  registry: Registry;
  /** From one round of the scheduler to the next (ms); 5 s. The first one comes at once. */
  interval?: number;
}

/** The archive station: the archiver, and the store scheduler behind it. */
export interface Archive extends AsyncDisposable {
  /** Resolves when everything in the outbox and in the deliveries at the time of the call is in ClickHouse. Waits for stores that are away; never rejects. */
  caughtUp(): Promise<void>;
  /** What the scheduler would do now. Changes nothing. */
  plan(): Promise<Action[]>;
  /** One round of the scheduler now. Rejects where a store is away. */
  runOnce(): Promise<Outcome[]>;
  /** Finishes the batch under way within 5 s, saves its cursor, and lets the streams go. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the archive. It needs neither Redis nor ClickHouse to answer just now. */
export function startArchive({ hot, entries, cold, tail, config, logger, registry, interval = 5_000 }: ArchiveDeps): Promise<Archive> {
  const metrics = defineMetrics(registry, archiveMetrics);
  const streams = streamsOf(config.archiveInbox, tail !== null);
  const archiver = createArchiver({ hot, entries, cold, tail, streams, logger, metrics });
  const scheduler = createScheduler({ hot, cold, config, streams, archiver, logger, metrics, interval });
  return Promise.resolve({
    caughtUp: () => caughtUp(hot, streams, () => archiver.hurry()),
    plan: () => scheduler.plan(),
    runOnce: () => scheduler.runOnce(),
    async [Symbol.asyncDispose]() {
      await Promise.all([scheduler[Symbol.asyncDispose](), archiver[Symbol.asyncDispose]()]);
    },
  });
}

/** Ids of the last stream entries, or where the archive stands. */
async function ends(hot: Hot, streams: readonly Stream[]): Promise<{ written: string; handled: string }[]> {
  const pipeline = hot.pipeline();
  for (const { key, cursor } of streams) pipeline.xrevrange(key, "+", "-", "COUNT", 1).get(cursor);
  const answers = await runPipeline<[string, string[]][] | string | null>(pipeline);
  return streams.map((_, i) => ({
    written: (answers[i * 2] as [string, string[]][])[0]?.[0] ?? "0-0",
    handled: (answers[i * 2 + 1] as string | null) ?? "0-0",
  }));
}

async function caughtUp(hot: Hot, streams: readonly Stream[], hurry: () => void): Promise<void> {
  let targets: string[] | null = null;
  for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
    try {
      const now = await ends(hot, streams);
      targets ??= now.map(({ written }) => written);
      if (now.every(({ handled }, i) => compareStreamIds(handled, targets?.[i] as string) >= 0)) return;
    } catch {
      // Redis is away; what it held is asked for again.
    }
    hurry();
    await after(pause);
  }
}
