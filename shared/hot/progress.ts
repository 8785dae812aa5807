import { setTimeout as after } from "node:timers/promises";
import { Refusal } from "#shared/wire/errors.ts";
import { keys, partitions } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

/** Compares stream ids "ms-n": negative, 0 or positive. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs, aN] = a.split("-");
  const [bMs, bN] = b.split("-");
  return Number(aMs) - Number(bMs) || Number(aN) - Number(bN);
}

/** Stream ids of the last records written, by partition. */
const written = (hot: Hot): Promise<readonly string[]> => spread(hot, "ends", { keys: partitions().map(keys.outbox), each: 1 });

/** Stream ids of the last records handled in some partitions. */
async function handled(hot: Hot, some: readonly number[]): Promise<Map<number, string>> {
  const cursors = some.map((p) => keys.cursor("fanout", p));
  const ids = hot.cluster ? await Promise.all(cursors.map((cursor) => hot.redis.get(cursor))) : await hot.redis.mget(...cursors);
  return new Map(some.map((p, i) => [p, ids[i] ?? "0-0"]));
}

/** How far the fan-out has come, for all who wait for it. */
export interface Progress {
  /** Resolves when a record of a partition is handled; refuses with a temporary 108 after a second. */
  reached(partition: number, id: string): Promise<void>;
  /** The same for all that was committed before the call. */
  caughtUp(): Promise<void>;
}

/** Longest wait (ms). */
const PATIENCE = 1_000;
/** Pauses between two looks (ms). */
const SHORTEST = 1;
const LONGEST = 5;

interface Waiter {
  partition: number;
  id: string;
  deadline: number;
  resolve(): void;
  reject(err: unknown): void;
}

/** Looks at the fan-out's cursors as long as somebody waits, once for all of them. */
export function createProgress(hot: Hot): Progress {
  const waiting = new Set<Waiter>();
  let looking = false;

  function tell(cursors: ReadonlyMap<number, string>): void {
    const now = Date.now();
    for (const waiter of waiting) {
      const cursor = cursors.get(waiter.partition);
      // Who came after the look began is told after the next one.
      if (cursor === undefined) continue;
      if (compareStreamIds(cursor, waiter.id) >= 0) waiter.resolve();
      else if (now >= waiter.deadline) waiter.reject(new Refusal(108, "inboxes are behind; try again"));
      else continue;
      waiting.delete(waiter);
    }
  }

  async function look(): Promise<void> {
    looking = true;
    try {
      for (let pause = SHORTEST; waiting.size > 0; pause = Math.min(pause * 1.5, LONGEST)) {
        tell(await handled(hot, [...new Set([...waiting].map(({ partition }) => partition))]));
        if (waiting.size > 0) await after(pause);
      }
    } catch (err) {
      for (const waiter of waiting) waiter.reject(err);
      waiting.clear();
    } finally {
      looking = false;
    }
  }

  const reached = (partition: number, id: string): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.add({ partition, id, deadline: Date.now() + PATIENCE, resolve, reject });
    if (!looking) void look();
    return promise;
  };
  return {
    reached,
    async caughtUp() {
      const targets = await written(hot);
      await Promise.all(targets.flatMap((id, partition) => (id === "0-0" ? [] : [reached(partition, id)])));
    },
  };
}
