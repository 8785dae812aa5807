import { setTimeout as after } from "node:timers/promises";
import type { ColdStore } from "#shared/cold/store.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { heldStreams } from "#shared/hot/fence.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Tail } from "#shared/log/port.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Metrics } from "#shared/run/metrics.ts";
import { emptyBatch, type Batch } from "./batch.ts";
import { createLeases, type Holding } from "./leases.ts";
import type { archiveMetrics } from "./metrics.ts";
import { createOutage } from "#shared/run/outage.ts";
import { isWaiting, readBatch } from "./reader.ts";
import { trimStreams, type Stream } from "./streams.ts";
import { putOnce, tablesOf } from "./tables.ts";
import { noteLong } from "./tidy.ts";

/** From one insert to the next where there is no backlog (ms). */
const INTERVAL = 1_000;
/** How often the streams are looked at while nothing comes (ms). */
const IDLE = 250;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** What a batch under way may still take when the archiver ends (ms). */
const GRACE = 5_000;

export interface ArchiverDeps {
  hot: Hot;
  entries: Pick<Entries, "peek">;
  cold: ColdStore;
  tail: Tail | null;
  streams: readonly Stream[];
  logger: Logger;
  metrics: Metrics<typeof archiveMetrics>;
}

/** Carries the outbox, the deliveries and the changes of relations into ClickHouse. */
export interface Archiver extends AsyncDisposable {
  /** Cuts the present pause short. */
  hurry(): void;
  /**
   * Archives what `fill` puts into a batch, as far as it is not in ClickHouse, while no other batch is under way. False without doing so where there
   * is a backlog, or another process archives: it may be inserting the same.
   */
  move(fill: (batch: Batch) => Promise<void>): Promise<boolean>;
  /** True if this process archives the first stream: the one that also schedules. */
  leads(): boolean;
}

/** Starts archiving. It goes on until disposed, whatever fails: Redis or ClickHouse away means pauses of 0.1 to 5 s. */
export function createArchiver(deps: ArchiverDeps): Archiver {
  const { hot, tail, streams, logger, metrics } = deps;
  const leases = createLeases({ hot, streams, logger, together: tail !== null });
  const put = inserts(deps);
  const outage = createOutage(logger, "archiving");
  const ending = new AbortController();
  const cutting = new AbortController();
  let pausing = new AbortController();
  let hurried = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other. */
  function exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function pause(ms: number): Promise<void> {
    if (!hurried && ms > 0) await after(ms, undefined, { signal: AbortSignal.any([pausing.signal, ending.signal]) }).catch(() => undefined);
    hurried = false;
    pausing = new AbortController();
  }

  /** One process reads the tail: the one that holds the leases, from where their cursors stand. */
  function follow(held: readonly Holding[]): void {
    tail?.follow(held.length > 0);
    tail?.saved(new Map(held.flatMap(({ stream: { partition }, cursor }) => (partition === undefined ? [] : [[partition, cursor]]))));
  }

  /** Archives one batch. Returns how long to wait for the next (ms). */
  async function round(): Promise<number> {
    const begun = performance.now();
    if (leases.held().length < streams.length) await leases.renew();
    const held = leases.held();
    follow(held);
    const { batch, more } = await readBatch(deps, held);
    if (batch.ends.size === 0) return IDLE;
    batch.doubtful = held.some(({ stream, doubtful }) => doubtful && batch.ends.has(stream));
    // What a relay has brought is held already.
    const fenced = [...batch.ends].filter(([{ kept }]) => !kept);
    const sound = await heldStreams(
      hot,
      fenced.map(([{ key }, id]) => [key, id]),
    );
    if (sound.size < fenced.length) return IDLE;
    if (!(await leases.save(batch.ends, "intent"))) return 0;
    if (!(await insertUntilDone(batch))) return 0;
    await noteLong(hot, batch);
    await leases.save(batch.ends, "cursor");
    follow(leases.held());
    await trimStreams(hot, streams);
    const took = performance.now() - begun;
    metrics.tributary_archive_seconds.observe(took / 1_000);
    return more ? 0 : Math.max(0, INTERVAL - took);
  }

  /** False if the archiver ends or the streams become another's before it is done. */
  async function insertUntilDone(batch: Batch): Promise<boolean> {
    for (let wait = FIRST_PAUSE; ; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      if (!leases.holds(batch.ends.keys())) return false;
      try {
        await put(batch, cutting.signal);
        metrics.tributary_archive_batches_total.inc({ outcome: "done" });
        outage.worked();
        return true;
      } catch (err) {
        batch.doubtful = true;
        metrics.tributary_archive_batches_total.inc({ outcome: "failed" });
        outage.failed(err);
      }
      if (ending.signal.aborted) return false;
      await pause(wait);
    }
  }

  async function work(): Promise<void> {
    for (let failures = 0; !ending.signal.aborted;) {
      let wait = 0;
      try {
        wait = await exclusive(round);
        failures = 0;
        outage.worked();
      } catch (err) {
        outage.failed(err);
        for (const holding of leases.held()) holding.doubtful = true;
        wait = Math.min(FIRST_PAUSE * 2 ** failures++, LONGEST_PAUSE);
      }
      await pause(wait);
    }
  }
  const working = work();

  return {
    hurry() {
      hurried = true;
      pausing.abort();
    },
    leads: () => leases.holds(streams.slice(0, 1)),
    move: (fill) =>
      exclusive(async () => {
        const held = leases.held();
        if (held.length < streams.length) return false;
        if (await isWaiting(deps, held)) return false;
        const batch = emptyBatch();
        batch.doubtful = true;
        await fill(batch);
        await put(batch, cutting.signal);
        return true;
      }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      const timer = setTimeout(() => cutting.abort(new Error("the archiver ends")), GRACE);
      await within(
        GRACE + 500,
        working.then(() => turn),
      );
      clearTimeout(timer);
      await tail?.[Symbol.asyncDispose]();
      await leases[Symbol.asyncDispose]();
    },
  };
}

/** Waits for work that does not reject, but not longer than this (ms). */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, after(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}

/** Puts a batch into its tables, all at once; rejects when all have settled and one has failed. */
function inserts({ cold, logger, metrics }: ArchiverDeps): (batch: Batch, signal: AbortSignal) => Promise<void> {
  const tables = tablesOf(cold);
  return async (batch, signal) => {
    const results = await Promise.allSettled([
      putOnce(tables.messages, batch.messages, batch.doubtful, signal),
      putOnce(tables.inbox, batch.inbox, batch.doubtful, signal),
      putOnce(tables.conversations, batch.conversations, batch.doubtful, signal),
      putOnce(tables.members, batch.members, batch.doubtful, signal),
      putOnce(tables.relations, batch.relations, batch.doubtful, signal),
      putOnce(tables.sessions, batch.sessions, batch.doubtful, signal),
      findGone(cold, batch),
    ]);
    for (const [i, kind] of ["messages", "inbox", "conversations", "members", "relations", "sessions"].entries()) {
      const result = results[i];
      if (result?.status === "fulfilled" && typeof result.value === "number")
        metrics.tributary_archive_rows_total.inc({ kind }, result.value);
    }
    const failed = results.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    const lost = results[6].status === "fulfilled" ? results[6].value : { entries: 0, pointers: 0 };
    if (lost.entries + lost.pointers === 0) return;
    metrics.tributary_archive_missing_total.inc({ kind: "mailbox" }, lost.entries);
    metrics.tributary_archive_missing_total.inc({ kind: "inbox" }, lost.pointers);
    logger.error({ ...lost }, "entries that the outbox names are neither in Redis nor in ClickHouse");
  };
}

/** How many of what was no longer hot is not archived either. */
async function findGone(cold: ColdStore, { gone, goneOffsets }: Batch): Promise<{ entries: number; pointers: number }> {
  if (gone.length === 0 && goneOffsets.length === 0) return { entries: 0, pointers: 0 };
  const entries = await cold.existingMessages(gone.map(({ conversationId, seq }) => ({ conversationId, seqs: [seq] })));
  const pointers = await cold.existingInbox(goneOffsets.map(({ user, offset }) => ({ user, offsets: [offset] })));
  return { entries: gone.length - entries.size, pointers: goneOffsets.length - pointers.size };
}
