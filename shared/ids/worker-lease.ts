import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "#shared/run/logger.ts";
import { createSnowflake, IdsRefused, type Snowflake, timeOf } from "./snowflake.ts";

const workers = 1_024;
const releaseMs = 1_000;

/**
 * KEYS[1] the record of one worker id (a hash that never expires) · ARGV[1] owner token, [2] lease in ms, [3] Unix ms of now.
 * Fields: owner; until, by Redis' clock; high, the highest ms the ids of any holder were ever allowed. Takes a free or ended lease, and allows
 * the length of the lease above now and above `high`. Returns the `high` of before (0: never used), or −1 when another owner holds it.
 */
const takeScript = `
local owner, till, high = unpack(redis.call('HMGET', KEYS[1], 'owner', 'until', 'high'))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if owner and owner ~= '' and owner ~= ARGV[1] and tonumber(till) > now then return -1 end
local before = tonumber(high) or 0
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]), 'high', string.format('%.0f', math.max(before, tonumber(ARGV[3])) + ARGV[2]))
return before`;

/** KEYS[1], ARGV[1] and [2] as above: renews only where the owner is still the same. ARGV[3] the new `high`. Returns 1, or 0 when the lease is lost. */
const renewScript = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local high = math.max(tonumber(redis.call('HGET', KEYS[1], 'high')), tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]), 'high', string.format('%.0f', high))
return 1`;

/** KEYS[1] as above · ARGV[1] owner token, [2] the highest ms that it or a holder before it may have used. Gives the lease back: the next holder may start right above that. */
const releaseScript = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'high', ARGV[2])
return 1`;

export interface LeaseOptions {
  redis: Redis;
  logger: Logger;
  /** Key of the record of a worker id; `ids:worker:<n>` if left out. */
  keyOf?: (worker: number) => string;
  /** How long a lease lasts without being renewed, in ms; 10,000 if left out. It is renewed each third of it. */
  ttlMs?: number;
  /** Unix ms. */
  now?: () => number;
  /** Ms of a clock that never steps. */
  steady?: () => number;
  /** Which worker id to try first; a random one if left out. */
  firstTry?: number;
}

/**
 * Message ids under a worker id leased in Redis. Two holders never share an id, whatever their clocks and pauses: before any id is made, the
 * highest ms it may hold is on record, and the next holder of the worker id starts above that record.
 */
export interface LeasedSnowflake extends Snowflake, AsyncDisposable {
  /** The worker id held, or `null` between a lost lease and the next one; then, and when renewing comes too late, ids throw `IdsRefused`. */
  worker(): number | null;
  /** Renews the lease now, or takes another when it is lost. Rejects when Redis does not answer. */
  renew(): Promise<void>;
}

interface Lease {
  worker: number;
  ids: Snowflake;
  /** Until when this process may rely on it, by its steady clock. */
  validUntil: number;
  /** What holders before it were allowed: all its ids are above. Unix ms. */
  floor: number;
  /** The highest Unix ms on record. */
  high: number;
}

/** Takes a lease and keeps it until disposed. Rejects when all 1,024 worker ids are held, or Redis does not answer. */
export async function leaseSnowflake(options: LeaseOptions): Promise<LeasedSnowflake> {
  const leased = new WorkerLease(options);
  await leased.renew();
  return leased;
}

class WorkerLease implements LeasedSnowflake {
  readonly timeOf = timeOf;
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #keyOf: (worker: number) => string;
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #steady: () => number;
  readonly #token = randomBytes(12).toString("base64url");
  #firstTry: number;
  #lease: Lease | null = null;
  /** The last id of this process, and the ms that an id was refused at. */
  #last = "0";
  #wantedMs = 0;
  #renewing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(options: LeaseOptions) {
    this.#redis = options.redis;
    this.#logger = options.logger;
    this.#keyOf = options.keyOf ?? ((worker) => `ids:worker:${worker}`);
    this.#ttlMs = options.ttlMs ?? 10_000;
    this.#now = options.now ?? Date.now;
    this.#steady = options.steady ?? (() => performance.now());
    this.#firstTry = options.firstTry ?? randomInt(workers);
  }

  worker(): number | null {
    return this.#lease?.worker ?? null;
  }

  next(): string {
    return this.#make((ids) => ids.next());
  }

  nextAbove(id: string): string {
    return this.#make((ids) => ids.nextAbove(id));
  }

  #make(make: (ids: Snowflake) => string): string {
    const lease = this.#lease;
    if (lease === null || this.#steady() >= lease.validUntil) throw new IdsRefused(this.#now());
    try {
      return (this.#last = make(lease.ids));
    } catch (error) {
      if (error instanceof IdsRefused) this.#reachFurther(error.atMs);
      throw error;
    }
  }

  /** The ids have run ahead of the clock, past what is on record: the caller's next try finds it raised. */
  #reachFurther(atMs: number): void {
    this.#wantedMs = atMs;
    this.renew().catch((err: unknown) => this.#logger.warn({ err }, "the lease on a worker id could not be extended"));
  }

  async renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = null;
      this.#renewLater();
    });
    await this.#renewing;
  }

  #renewLater(): void {
    clearTimeout(this.#timer);
    if (this.#disposed) return;
    const again = () =>
      void this.renew().catch((err: unknown) => this.#logger.warn({ err }, "the lease on a worker id could not be renewed"));
    this.#timer = setTimeout(again, this.#ttlMs / 3).unref();
  }

  async #renewOnce(): Promise<void> {
    const lease = this.#lease;
    if (lease !== null) {
      const [asked, high] = [this.#steady(), Math.max(lease.high, this.#latest() + this.#ttlMs)];
      const kept = await this.#redis.eval(renewScript, 1, this.#keyOf(lease.worker), this.#token, this.#ttlMs, high);
      if (kept === 1) {
        Object.assign(lease, { validUntil: asked + this.#ttlMs, high });
        return;
      }
      this.#logger.warn({ worker: lease.worker }, "the lease on a worker id was lost; taking another");
      this.#lease = null;
    }
    await this.#take();
  }

  async #take(): Promise<void> {
    for (let tried = 0; tried < workers && !this.#disposed; tried += 1) {
      const worker = (this.#firstTry + tried) % workers;
      const [asked, latest] = [this.#steady(), this.#latest()];
      const before = Number(await this.#redis.eval(takeScript, 1, this.#keyOf(worker), this.#token, this.#ttlMs, latest));
      if (before < 0) continue;
      this.#firstTry = worker;
      this.#lease = this.#leaseOf(worker, asked + this.#ttlMs, before, Math.max(before, latest) + this.#ttlMs);
      return;
    }
    throw new Error(`all ${workers} worker ids for message ids are held`);
  }

  #leaseOf(worker: number, validUntil: number, before: number, high: number): Lease {
    const startMs = Math.max(before, timeOf(this.#last));
    // The highest id of that ms, whoever made it.
    const last = (BigInt(startMs - timeOf("0") + 1) << 22n) - 1n;
    const lease: Lease = {
      worker,
      validUntil,
      floor: before,
      high,
      ids: createSnowflake({ worker, now: this.#now, last, ceiling: () => lease.high }),
    };
    return lease;
  }

  /** The latest of the clock, the last id and what was refused: from there the record reaches as far as the lease lasts. */
  #latest(): number {
    return Math.max(this.#now(), timeOf(this.#last), this.#wantedMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    const lease = this.#lease;
    this.#lease = null;
    if (lease === null) return;
    const used = Math.max(timeOf(this.#last), lease.floor);
    const released = this.#redis.eval(releaseScript, 1, this.#keyOf(lease.worker), this.#token, used);
    // A Redis that is away must not hold up the end: then the lease runs out by itself.
    const late = new AbortController();
    await Promise.race([released, delay(releaseMs, undefined, { signal: late.signal })]).catch(() => {});
    late.abort();
  }
}
