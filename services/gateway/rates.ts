/** Calls a second that refill a bucket, and how many it holds. */
export interface Rate {
  perSecond: number;
  burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Between two forgettings at least this long, so that they stay cheap. */
const MIN_LIFE_MS = 10_000;

/**
 * One token bucket a user, filled when asked. Users who were not seen for the time in which a bucket fills are forgotten, which changes nothing
 * for them: their bucket was full.
 */
export class Buckets {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #lifeMs: number;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();
  #turnAt: number;

  /** `now` in ms of a clock that never goes back. */
  constructor(rate: Rate, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#now = now;
    this.#lifeMs = Math.max(MIN_LIFE_MS, (rate.burst / rate.perSecond) * 1_000);
    this.#turnAt = now() + this.#lifeMs;
  }

  /** Takes one token of the user's; false when there is none. */
  take(user: string): boolean {
    const now = this.#now();
    if (now >= this.#turnAt) this.#forget(now);
    const bucket = this.#young.get(user) ?? this.#recall(user, now);
    const { perSecond, burst } = this.#rate;
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Users with a bucket. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #recall(user: string, now: number): Bucket {
    const bucket = this.#old.get(user) ?? { tokens: this.#rate.burst, at: now };
    this.#old.delete(user);
    this.#young.set(user, bucket);
    return bucket;
  }

  #forget(now: number): void {
    const all = now >= this.#turnAt + this.#lifeMs;
    this.#old = all ? new Map() : this.#young;
    this.#young = new Map();
    this.#turnAt = now + this.#lifeMs;
  }
}
