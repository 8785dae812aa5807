import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { keys, partitions as allPartitions } from "#shared/hot/keys.ts";
import { heldStreams } from "#shared/hot/fence.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { spread } from "#shared/hot/spread.ts";
import type { StreamRow } from "#shared/hot/tail.ts";
import type { Logger } from "#shared/run/logger.ts";
import { parseRecord } from "#shared/wire/record.ts";
import type { Placed } from "./process.ts";

/** A worker that was killed is missed for so long, ms. */
const LEASE = 3_000;
/** How often partitions are shared out anew, ms: what a worker that comes or goes waits for. */
const SHARE = 250;
/** How often leases are renewed while a batch takes its time, ms. */
const RENEW = 1_000;
/** Stream entries a partition read at once; each is one commit batch. */
const READ = 100;

/** What one read of the outbox gave: records in order, and where each partition now stands. */
export interface OutboxBatch {
  records: Placed[];
  cursors: Map<number, string>;
}

export interface PartitionReader extends AsyncDisposable {
  /** Partitions held now. */
  owned(): ReadonlySet<number>;
}

/**
 * Works the partitions that this worker holds, each in order from its saved cursor: `handle` is given what is new, the cursors are saved after it,
 * and what `handle` could not do is given again. Partitions are shared among the workers heard of; a lease keeps a partition with one of them.
 */
export function readPartitions(deps: {
  hot: Hot;
  consumer: string;
  logger: Logger;
  handle: (batch: OutboxBatch) => Promise<void>;
  /** Called when the set of held partitions changes, before anything of it is handled. */
  changed: (owned: ReadonlySet<number>) => Promise<void>;
}): PartitionReader {
  const { hot, consumer, logger, handle, changed } = deps;
  const owner = randomUUID();
  const tail = hot.tail();
  const cursors = new Map<number, string>();
  let stopped = false;
  let renewed = 0;
  const owned = () => new Set(cursors.keys());

  /** Takes or renews leases: 1 for those held. */
  const lease = (partitions: readonly number[], life: number): Promise<readonly number[]> =>
    spread(hot, "lease", { keys: partitions.map((p) => keys.lease(consumer, p)), each: 1, args: [owner, life] });
  /** Gives leases back, as far as they are still this worker's. */
  const release = (partitions: readonly number[]): Promise<unknown> => lease(partitions, 1);

  async function renew(now: number): Promise<void> {
    // After a pause longer than the lease others may have worked on, also if nobody holds it now.
    if (now - renewed > LEASE) cursors.clear();
    await hot.redis.zadd(keys.workers(consumer), now, owner);
    const workers = await hot.redis.zrangebyscore(keys.workers(consumer), now - LEASE, "+inf");
    const wanted = share(workers.toSorted(), owner);
    const given = [...cursors.keys()].filter((p) => !wanted.includes(p));
    for (const p of given) cursors.delete(p);
    if (given.length > 0) await release(given);
    const held = await lease(wanted, LEASE);
    const gained = wanted.filter((p, i) => held[i] === 1 && !cursors.has(p));
    const lost = wanted.filter((p, i) => held[i] !== 1 && cursors.has(p));
    for (const p of lost) cursors.delete(p);
    for (const p of gained) cursors.set(p, (await hot.redis.get(keys.cursor(consumer, p))) ?? "0-0");
    renewed = now;
    if (gained.length + lost.length + given.length > 0) await changed(owned());
  }

  /** A big batch may take longer than a lease lasts. What is lost meanwhile shows when its cursor is saved. */
  async function keepHeld(): Promise<void> {
    const now = Date.now();
    if (cursors.size === 0 || now - renewed < RENEW || now - renewed > LEASE) return;
    await hot.redis.zadd(keys.workers(consumer), now, owner);
    // As of the call: what is given away later is given away after it.
    const held = [...cursors.keys()];
    const kept = await lease(held, LEASE);
    if (kept.every((one) => one === 1)) renewed = Math.max(renewed, now);
  }
  const keeping = setInterval(() => {
    keepHeld().catch((err: unknown) => logger.debug({ err, consumer }, "leases of the outbox are not renewed while Redis is away"));
  }, RENEW);

  async function step(): Promise<void> {
    const now = Date.now();
    if (now - renewed >= SHARE) await renew(now);
    if (cursors.size === 0) {
      await after(SHARE);
      return;
    }
    const held = [...cursors.keys()];
    const places = held.map((p) => [keys.outbox(p), cursors.get(p) as string] as const);
    const reply = await tail.read(places, READ, SHARE);
    const sound = await heldStreams(
      hot,
      reply.map(([key, rows]) => [key, rows.at(-1)?.[0] ?? ""]),
    );
    const read = reply.filter(([key]) => sound.has(key));
    if (read.length === 0) return;
    const batch = batchOf(read, new Map(held.map((p) => [keys.outbox(p), p])));
    await handle(batch);
    const moved = [...batch.cursors];
    const saved = await spread<number>(hot, "advance", {
      keys: moved.flatMap(([p]) => [keys.lease(consumer, p), keys.cursor(consumer, p)]),
      each: 2,
      args: [owner],
      own: moved.map(([, id]) => id),
    });
    for (const [i, [p, id]] of moved.entries()) {
      if (saved[i] === 1) cursors.set(p, id);
      else cursors.delete(p);
    }
    if (saved.includes(0)) await changed(owned());
  }

  async function run(): Promise<void> {
    let failed = false;
    while (!stopped) {
      try {
        await step();
        if (failed) logger.info({ consumer }, "the outbox is worked again");
        failed = false;
      } catch (err) {
        if (stopped) return;
        if (!failed) logger.error({ err, consumer }, "the outbox waits; trying again until it goes");
        failed = true;
        await after(200);
      }
    }
  }
  const running = run();

  return {
    owned,
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearInterval(keeping);
      tail[Symbol.dispose]();
      await running;
      await Promise.allSettled([hot.redis.zrem(keys.workers(consumer), owner), release([...cursors.keys()])]);
    },
  };
}

/** The partitions of one worker among all, spread evenly. */
export function share(workers: readonly string[], owner: string): number[] {
  const index = workers.indexOf(owner);
  return allPartitions().filter((p) => p % Math.max(1, workers.length) === Math.max(0, index));
}

function batchOf(reply: readonly (readonly [string, StreamRow[]])[], partitionOfKey: Map<string, number>): OutboxBatch {
  const batch: OutboxBatch = { records: [], cursors: new Map() };
  for (const [key, rows] of reply) {
    for (const [id, [, lines = ""]] of rows) {
      const [ms = "", n = ""] = id.split("-");
      for (const [i, line] of lines.split("\n").entries()) {
        const record = parseRecord(line);
        // Entries have their seq.
        const ordinal = record.type === "entry" ? "" : `${ms}${n.padStart(6, "0")}${String(i).padStart(5, "0")}`;
        batch.records.push({ record, ordinal });
      }
      batch.cursors.set(partitionOfKey.get(key) as number, id);
    }
  }
  return batch;
}
