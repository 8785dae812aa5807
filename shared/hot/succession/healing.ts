import { setTimeout as after } from "node:timers/promises";
import type { Logger } from "#shared/run/logger.ts";
import { createOutage } from "#shared/run/outage.ts";
import { keys } from "../keys.ts";
import type { Ground } from "./ground.ts";
import type { OpLog } from "./op-log.ts";

/** Processes that are not known to have written lately have this long to bring what they keep, ms. */
const GRACE = 300;
/** The others have this long, ms: callers wait no more than 5 s. */
const PATIENCE = 3_000;
/** Who can't ask the archive leaves it for so long to those who can, ms. */
const DEFERENCE = 2_000;
/** Between two looks, ms. */
const PAUSE = 50;
/** Who does writes again and is not heard of for so long is not waited for, ms. */
const LEASE = 10_000;
/** A healing that fails for so long is told of, ms: a failover itself takes some seconds. */
const OVERDUE = 10_000;
/** Writes brought in one call. */
const CHUNK = 100;

/** Pub/sub channel of partitions that have a new master. */
export const SUCCESSION = "succession";

export interface Healing {
  /** Resolves when the partition's master has all of it again, as far as that can be. Never rejects; ends when disposed of. */
  heal(partition: number): Promise<void>;
  /** Once it ends: resolves when it does no more writes again, and has left that to others. */
  left(): Promise<unknown>;
}

export interface HealingParts {
  ground: Ground;
  log: OpLog;
  /** Names this process. */
  self: string;
  /** Does again what was brought, without the processes named. */
  repeat: (partition: number, absent: readonly string[]) => Promise<void>;
  /** True if the archive can be asked. */
  archived: boolean;
  logger: Logger;
  ending: AbortSignal;
}

/**
 * Brings a partition's new master to where the lost one was: every process brings the writes that it keeps, one of them does them again. Until then
 * nothing is read or written there.
 */
export function createHealing({ ground, log, self, repeat, archived, logger, ending }: HealingParts): Healing {
  const { redis, scripts, run, places, stateOf } = ground;
  const healings = new Map<number, Promise<void>>();

  async function bring(partition: number, survived: number): Promise<void> {
    const ops = log.beyond(partition, survived);
    for (let first = 0; first < ops.length; first += CHUNK) {
      const fields = ops.slice(first, first + CHUNK).flatMap((op) => [`${self} ${op.id}`, JSON.stringify(op)]);
      await run(scripts.contribute, places(partition), fields);
    }
    await run(scripts.contribute, places(partition), [`@${self}`, ops.length]);
  }

  /** Does it again, unless another process is at it. */
  async function lead(partition: number, absent: readonly string[]): Promise<boolean> {
    if (ending.aborted) return false;
    const lease = keys.lease(SUCCESSION, partition);
    if ((await redis.set(lease, self, "PX", LEASE, "NX")) !== "OK") return false;
    const kept = setInterval(() => void redis.pexpire(lease, LEASE).catch(() => undefined), LEASE / 3);
    try {
      await repeat(partition, absent);
    } finally {
      clearInterval(kept);
      await redis.del(lease);
    }
    return true;
  }

  async function untilWhole(partition: number): Promise<void> {
    for (let brought = false; ; brought = true) {
      ending.throwIfAborted();
      const state = await stateOf(partition);
      if (state.whole) {
        log.inherited(partition, state.inherited);
        return;
      }
      // One loss may follow the other while this looks away: who is waited for has not brought what the present one took.
      if (!brought || state.awaited.includes(self)) await bring(partition, state.survived);
      await redis.publish(SUCCESSION, String(partition));
      const patience = (state.awaited.length === 0 ? GRACE : PATIENCE) + (archived ? 0 : DEFERENCE);
      if (state.age >= patience && (await lead(partition, state.awaited))) continue;
      await after(PAUSE, undefined, { signal: ending });
    }
  }

  async function healed(partition: number): Promise<void> {
    const begun = Date.now();
    const outage = createOutage(logger, `the healing of partition ${partition}, which has a new master,`);
    while (!ending.aborted) {
      try {
        await untilWhole(partition);
        outage.worked();
        return;
      } catch (err) {
        if (Date.now() - begun > OVERDUE) outage.failed(err);
        else logger.debug({ err, partition }, "a partition with a new master is not whole yet");
        await after(PAUSE, undefined, { signal: ending }).catch(() => undefined);
      }
    }
  }

  return {
    heal(partition) {
      const running = healings.get(partition);
      if (running !== undefined) return running;
      const healing = healed(partition).finally(() => healings.delete(partition));
      healings.set(partition, healing);
      return healing;
    },
    left: () => Promise.allSettled(healings.values()),
  };
}
