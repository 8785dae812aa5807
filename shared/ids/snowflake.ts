import { digitsOf } from "./decimals.ts";

/** Unix ms of 2024-01-01T00:00Z: bit 0 of the time in an id. */
const epochMs = Date.UTC(2024, 0, 1);
const sequences = 4_096;
const workers = 1_024;
/** 41 bits of ms are used up in the year 2093. */
const lastPossibleMs = 2 ** 41 - 1;

/** The last four digits of an id, so that a new one is a look-up and a join: 20 M a second, 64-bit arithmetic in BigInt 9.6 M. */
const endings = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(4, "0"));

/** Message ids of one worker: 63 bits as decimal strings (41 ms since 2024, 10 worker, 12 sequence), each higher than the one before. */
export interface Snowflake {
  /** Throws `IdsRefused` when the ceiling is reached. */
  next(): string;
  /** An id greater than both `id` and all given so far. Throws `IdsRefused` when the ceiling is reached. */
  nextAbove(id: string): string;
  /** The function `timeOf` of this file. */
  timeOf(id: string): number;
}

/**
 * The Unix ms in an id of any worker. It may be ahead of the clock: by what was made faster than 4,096 a ms, and after a clock that stepped back.
 * `NaN` when `id` is no decimal number.
 */
export function timeOf(id: string): number {
  // id / 2^22 in doubles without loss: id = high × 10^9 + low, and 10^9 / 2^22 = 1,953,125 / 8,192. A third of the time of BigInt.
  const cut = Math.max(0, id.length - 9);
  const high = digitsOf(id, 0, cut);
  const rest = high % 8_192;
  return ((high - rest) / 8_192) * 1_953_125 + Math.floor((rest * 1e9 + digitsOf(id, cut, id.length)) / 2 ** 22) + epochMs;
}

/** The lowest id of a Unix ms, as a double: exact, for its lower 22 bits are 0. */
export const firstIdOf = (ms: number): number => (ms - epochMs) * 2 ** 22;

export interface SnowflakeOptions {
  /** 0–1,023, held by nobody else. */
  worker: number;
  /** Unix ms; `Date.now` if left out. */
  now?: () => number;
  /** All ids will be above this one. */
  last?: bigint | string;
  /** The highest Unix ms (included) ids may hold just now; no limit if left out. */
  ceiling?: () => number;
}

/** No id can be made just now: the worker's lease doesn't reach so far. It passes. */
export class IdsRefused extends Error {
  /** The Unix ms the id would have held. */
  readonly atMs: number;
  constructor(atMs: number) {
    super("no message id can be made without a lease on a worker id that reaches this moment");
    this.name = "IdsRefused";
    this.atMs = atMs;
  }
}

/** Makes ids. A clock that steps back, or more than 4,096 ids in a ms, lets the time in the ids go on by itself; it never goes back. */
export function createSnowflake({ worker, now = Date.now, last, ceiling }: SnowflakeOptions): Snowflake {
  if (!Number.isInteger(worker) || worker < 0 || worker >= workers) throw new RangeError(`worker ${worker} is not in 0–${workers - 1}`);
  let ms = last === undefined ? -1 : Number(BigInt(last) >> 22n);
  let sequence = sequences;
  // All digits of the ms' first id but its last four, the same plus 1, and the last four.
  let prefix = "";
  let nextPrefix = "";
  let ending = 0;

  function enter(nextMs: number): void {
    const unixMs = nextMs + epochMs;
    if (nextMs > lastPossibleMs) throw new RangeError(`${unixMs} ms does not fit into 41 bits`);
    if (ceiling !== undefined && unixMs > ceiling()) throw new IdsRefused(unixMs);
    const first = (BigInt(nextMs) << 22n) | BigInt(worker * sequences);
    prefix = String(first / 10_000n);
    nextPrefix = String(first / 10_000n + 1n);
    ending = Number(first % 10_000n);
    ms = nextMs;
    sequence = 0;
  }

  function next(): string {
    const clock = now() - epochMs;
    if (clock > ms) enter(clock);
    else if (sequence === sequences) enter(ms + 1);
    const digits = ending + sequence;
    sequence += 1;
    return digits < 10_000 ? prefix + endings[digits] : nextPrefix + endings[digits - 10_000];
  }

  return {
    next,
    nextAbove: (id) => {
      const floor = BigInt(id);
      const floorMs = Number(floor >> 22n);
      // Only the sequence may be in the same ms, and a jump of one ms costs nothing.
      if (floorMs >= ms && floorMs >= now() - epochMs) enter(floorMs + 1);
      return next();
    },
    timeOf,
  };
}
