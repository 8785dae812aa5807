import { setTimeout as after } from "node:timers/promises";
import type { ColdStore } from "#shared/cold/store.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Metrics } from "#shared/run/metrics.ts";
import { within, type Archiver } from "./archiver.ts";
import { carryOut, type Outcome } from "./carry.ts";
import { look, newSurvey, readMemory, type ArchiveConfig } from "./look.ts";
import type { archiveMetrics } from "./metrics.ts";
import { createOutage } from "#shared/run/outage.ts";
import { planOf, type Action } from "./plan.ts";
import { readLags, trimStreams, type Stream } from "./streams.ts";

/** What a round under way may still take when the scheduler ends (ms). It may be cut anywhere. */
const GRACE = 5_000;
/** How often lags are measured (ms): rounds come when they can, and that they do not is what a lag must tell. */
const MEASURING = 1_000;
/** How far a round walks through Redis' keys under pressure, in slices of 500; a round on demand goes further. */
const SLICES = 40;
const MOST_SLICES = 2_000;

export interface SchedulerDeps {
  hot: Hot;
  cold: ColdStore;
  config: ArchiveConfig;
  streams: readonly Stream[];
  archiver: Archiver;
  logger: Logger;
  metrics: Metrics<typeof archiveMetrics>;
  /** From one round to the next (ms). */
  interval: number;
}

/** Decides what leaves the hot tier, and has it done: plan → move → verify → trim. */
export interface Scheduler extends AsyncDisposable {
  /** What a round would do now. Changes nothing. */
  plan(): Promise<Action[]>;
  /** One round now. Rejects where a store is away. */
  runOnce(): Promise<Outcome[]>;
}

/** What a round would do now, from outside of a server too. Changes nothing. */
export async function planNow(deps: Pick<SchedulerDeps, "hot" | "cold" | "config">): Promise<Action[]> {
  return planOf(await look(deps, newSurvey(), MOST_SLICES));
}

/** Starts the rounds: one every 5 s, by the process that archives. */
export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { archiver, logger, metrics, interval } = deps;
  const ending = new AbortController();
  const outage = createOutage(logger, "the store scheduler");
  const survey = newSurvey();
  let prepared = false;
  let turn: Promise<unknown> = Promise.resolve();

  function exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function carry(actions: readonly Action[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const { hot, cold, config } = deps;
    await carryOut({ hot, cold, archiver, dedupeWindowMs: config.dedupeWindowMs }, actions, (outcome) => {
      outcomes.push(outcome);
      tell(outcome, logger, metrics);
    });
    return outcomes;
  }

  /** Old rows are compressed harder by ClickHouse itself, from the first merge on after they became old. */
  async function prepare(): Promise<void> {
    if (prepared) return;
    try {
      await deps.cold.recompressAfter("messages", deps.config.warmDays);
      prepared = true;
    } catch (err) {
      outage.failed(err);
    }
  }

  async function round(): Promise<void> {
    await measureSizes(deps);
    if (!archiver.leads()) return;
    await trimStreams(deps.hot, deps.streams);
    await prepare();
    await carry(planOf(await look(deps, survey, SLICES)));
    metrics.tributary_hot_rows.set({ kind: "entries" }, survey.whole?.entries ?? 0);
    metrics.tributary_hot_rows.set({ kind: "pointers" }, survey.whole?.pointers ?? 0);
  }

  async function work(): Promise<void> {
    while (!ending.signal.aborted) {
      try {
        await exclusive(round);
        outage.worked();
        metrics.tributary_scheduler_runs_total.inc({ outcome: "done" });
      } catch (err) {
        outage.failed(err);
        metrics.tributary_scheduler_runs_total.inc({ outcome: "failed" });
      }
      await after(interval, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }
  const working = work();
  const measuring = repeat(MEASURING, ending.signal, () => measureLags(deps));

  return {
    plan: () => planNow(deps),
    runOnce: () =>
      exclusive(async () => {
        await prepare();
        return carry(await planNow(deps));
      }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await within(GRACE, Promise.all([working.then(() => turn), measuring]));
    },
  };
}

/** Does something again and again; while a store is away it does not come about. */
async function repeat(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => undefined);
    await after(ms, undefined, { signal }).catch(() => undefined);
  }
}

function tell({ action, done, reason }: Outcome, logger: Logger, metrics: SchedulerDeps["metrics"]): void {
  metrics.tributary_scheduler_trimmed_total.inc({ kind: action.kind }, done);
  if (reason !== null) logger.warn({ ...action, done, reason }, "the store scheduler did less than it planned");
  else if (action.kind === "move-month" || action.kind === "recompress-month") logger.info({ ...action }, "a month went to the cold tier");
  else logger.debug({ ...action, done }, "the store scheduler made room");
}

/** Puts lengths and lags into the metrics. */
async function measureLags({ hot, streams, metrics }: SchedulerDeps): Promise<void> {
  for (const { name, length, seconds, pending } of await readLags(hot, streams)) {
    metrics.tributary_outbox_length.set({ partition: name }, length);
    metrics.tributary_archive_lag_seconds.set({ partition: name }, seconds);
    metrics.tributary_archive_lag_records.set({ partition: name }, pending);
  }
}

/** Puts bytes into the metrics. */
async function measureSizes({ hot, cold, metrics }: SchedulerDeps): Promise<void> {
  metrics.tributary_tier_bytes.set({ tier: "hot", kind: "redis" }, (await readMemory(hot)).used);
  // While ClickHouse is away its last sizes stand, and what concerns Redis alone goes on.
  for (const { table, bytes } of await cold.bytes().catch(() => []))
    metrics.tributary_tier_bytes.set({ tier: "archive", kind: table }, bytes);
}
