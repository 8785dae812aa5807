import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { heldStreams } from "#shared/hot/fence.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { spread } from "#shared/hot/spread.ts";
import type { StreamRow } from "#shared/hot/tail.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Consumer, Consuming, LogBatch } from "./port.ts";

/** A worker that was killed is missed for so long, ms. */
const LEASE = 3_000;
/** How often partitions are shared out anew, ms: what a worker that comes or goes waits for. */
const SHARE = 250;
/** How often leases are renewed while a batch takes its time, ms. */
const RENEW = 1_000;
/** Stream entries a partition read at once; each is one commit batch. */
const READ = 100;

/** The Redis streams of a log, and the keys of who consumes them. */
export interface Streams {
  /** What they hold, for the log. */
  what: string;
  count: number;
  stream: (partition: number) => string;
  cursor: (consumer: string, partition: number) => string;
  lease: (consumer: string, partition: number) => string;
  workers: (consumer: string) => string;
}

/**
 * Works the streams that this process holds, each in order from its saved cursor: `handle` is given what is new, the cursors are saved after it,
 * and what `handle` could not do is given again. Streams are shared among the workers heard of; a lease keeps a stream with one of them.
 */
export function consumeStreams(
  { hot, streams, logger }: { hot: Hot; streams: Streams; logger: Logger },
  { consumer, handle, changed = () => Promise.resolve() }: Consuming,
): Consumer {
  const owner = randomUUID();
  const tail = hot.tail();
  const cursors = new Map<number, string>();
  let stopped = false;
  let renewed = 0;
  const owned = () => new Set(cursors.keys());

  /** Takes or renews leases: 1 for those held. */
  const lease = (partitions: readonly number[], life: number): Promise<readonly number[]> =>
    spread(hot, "lease", { keys: partitions.map((p) => streams.lease(consumer, p)), each: 1, args: [owner, life] });
  /** Gives leases back, as far as they are still this worker's. */
  const release = (partitions: readonly number[]): Promise<unknown> => lease(partitions, 1);

  async function renew(now: number): Promise<void> {
    // After a pause longer than the lease others may have worked on, also if nobody holds it now.
    if (now - renewed > LEASE) cursors.clear();
    await hot.redis.zadd(streams.workers(consumer), now, owner);
    const workers = await hot.redis.zrangebyscore(streams.workers(consumer), now - LEASE, "+inf");
    const wanted = share(workers.toSorted(), owner, streams.count);
    const given = [...cursors.keys()].filter((p) => !wanted.includes(p));
    for (const p of given) cursors.delete(p);
    if (given.length > 0) await release(given);
    const held = await lease(wanted, LEASE);
    const gained = wanted.filter((p, i) => held[i] === 1 && !cursors.has(p));
    const lost = wanted.filter((p, i) => held[i] !== 1 && cursors.has(p));
    for (const p of lost) cursors.delete(p);
    for (const p of gained) cursors.set(p, (await hot.redis.get(streams.cursor(consumer, p))) ?? "0-0");
    renewed = now;
    if (gained.length + lost.length + given.length > 0) await changed(owned());
  }

  /** A big batch may take longer than a lease lasts. What is lost meanwhile shows when its cursor is saved. */
  async function keepHeld(): Promise<void> {
    const now = Date.now();
    if (cursors.size === 0 || now - renewed < RENEW || now - renewed > LEASE) return;
    await hot.redis.zadd(streams.workers(consumer), now, owner);
    // As of the call: what is given away later is given away after it.
    const held = [...cursors.keys()];
    const kept = await lease(held, LEASE);
    if (kept.every((one) => one === 1)) renewed = Math.max(renewed, now);
  }
  const keeping = setInterval(() => {
    keepHeld().catch((err: unknown) => logger.debug({ err, consumer }, `leases of ${streams.what} are not renewed while Redis is away`));
  }, RENEW);

  async function step(): Promise<void> {
    const now = Date.now();
    if (now - renewed >= SHARE) await renew(now);
    if (cursors.size === 0) {
      await after(SHARE);
      return;
    }
    const held = [...cursors.keys()];
    const places = held.map((p) => [streams.stream(p), cursors.get(p) as string] as const);
    const reply = await tail.read(places, READ, SHARE);
    const sound = await heldStreams(
      hot,
      reply.map(([key, rows]) => [key, rows.at(-1)?.[0] ?? ""]),
    );
    const read = reply.filter(([key]) => sound.has(key));
    if (read.length === 0) return;
    const batch = batchOf(read, new Map(held.map((p) => [streams.stream(p), p])));
    await handle(batch);
    const moved = [...batch.cursors];
    const saved = await spread<number>(hot, "advance", {
      keys: moved.flatMap(([p]) => [streams.lease(consumer, p), streams.cursor(consumer, p)]),
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
        if (failed) logger.info({ consumer }, `${streams.what} is worked again`);
        failed = false;
      } catch (err) {
        if (stopped) return;
        if (!failed) logger.error({ err, consumer }, `${streams.what} waits; trying again until it goes`);
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
      await Promise.allSettled([hot.redis.zrem(streams.workers(consumer), owner), release([...cursors.keys()])]);
    },
  };
}

/** The partitions of one worker among all, spread evenly. */
export function share(workers: readonly string[], owner: string, count: number): number[] {
  const index = workers.indexOf(owner);
  return Array.from({ length: count }, (_, p) => p).filter((p) => p % Math.max(1, workers.length) === Math.max(0, index));
}

function batchOf(reply: readonly (readonly [string, StreamRow[]])[], partitionOfKey: Map<string, number>): LogBatch {
  const batch: LogBatch = { runs: [], cursors: new Map() };
  for (const [key, rows] of reply) {
    const partition = partitionOfKey.get(key) as number;
    for (const [id, [, text = ""]] of rows) {
      batch.runs.push({ partition, id, first: 0, lines: text.split("\n") });
      batch.cursors.set(partition, id);
    }
  }
  return batch;
}
