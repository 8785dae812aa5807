import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "#shared/run/logger.ts";
import { masterOf } from "../cluster.ts";
import { currentLayout } from "../layout.ts";
import { keys, partitionOfKey } from "../keys.ts";
import { type Attempt, plainAttempt } from "../attempt.ts";
import { type Script, type ScriptName, scriptNames } from "../scripts.ts";
import type { Replicas } from "../replicas.ts";
import { guardedScript, MOVED, writes } from "./guard.ts";
import { createGround } from "./ground.ts";
import { createHealing, SUCCESSION } from "./healing.ts";
import { createOpLog } from "./op-log.ts";
import type { Archived } from "./mending.ts";
import { createRepeating, LOSS } from "./repeating.ts";

/** How scripts are run on a cluster whose replicas are not waited for: a replica that takes over is given what it had not got. */
export interface Succession {
  attempt(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Attempt;
  /** Before an orderly end: what replicas hold of this process's writes is not asked of it any more. Takes a second at most; never rejects. */
  leave(): Promise<void>;
}

interface Parts {
  cluster: Cluster;
  replicas: Replicas;
  scripts: Record<ScriptName, Script>;
  archived: Archived | null;
  /** Called when entries that were seen are gone. */
  lost: () => void;
  logger: Logger;
}

export async function createSuccession({ cluster, replicas, scripts, archived, lost, logger }: Parts): Promise<Succession> {
  // It takes the same commands, by their keys.
  const redis = cluster as unknown as Redis;
  const self = randomUUID().slice(0, 12);
  const log = createOpLog();
  const ending = new AbortController();
  const guarded = Object.fromEntries(scriptNames.map((name) => [name, guardedScript(scripts[name])])) as Record<ScriptName, Script>;
  const ground = createGround(redis, scripts);
  const repeat = createRepeating({ ground, masterOf: (key) => masterOf(cluster, key), archived, logger });
  const healing = createHealing({ ground, log, self, repeat, archived: archived !== null, logger, ending: ending.signal });
  cluster.on("message", (channel: string, partition: string) => {
    if (channel === SUCCESSION) void healing.heal(Number(partition));
    else if (channel === LOSS) lost();
  });
  await cluster.subscribe(SUCCESSION, LOSS);
  const watch = watchMasters(cluster, (partition) => void healing.heal(partition));

  return {
    attempt(name, on, args) {
      const partition = partitionOfKey(on[0] ?? "");
      if (partition === undefined) return plainAttempt(scripts[name], on, args);
      const op = writes(name) ? log.begin(partition, { name, keys: on, args }) : null;
      return {
        script: guarded[name],
        keys: [...on, keys.life(partition)],
        args: () => [...args, self, Date.now()],
        take(answer) {
          const [number, said] = answer as [number | typeof MOVED, unknown?];
          if (number === MOVED) return { wait: healing.heal(partition) };
          if (op !== null && !log.done(partition, op, number, said)) return { wait: after(REPLACED) };
          return { answer: said ?? null };
        },
        failed() {
          if (op !== null) log.forget(op);
        },
      };
    },
    async leave() {
      clearInterval(watch);
      ending.abort();
      const left = log.partitions().map(async (partition) => {
        const life = keys.life(partition);
        const held = replicas(life);
        if ((await held(1, LEAVING)) > 0) await redis.hdel(life, `@${self}`);
      });
      // What it was doing again is done, or nobody else could for as long as the lease lasts.
      await Promise.race([Promise.allSettled([...left, healing.left()]), after(LEAVING + MARGIN, undefined, { ref: false })]);
    },
  };
}

/** How long replicas may take to have what a process that ends has written, ms. */
const LEAVING = 500;
const MARGIN = 500;
/** Before a write is sent again that a replaced master took, ms: soon the other one is known. */
const REPLACED = 100;
/** How often it is looked for new masters, ms. */
const LOOK = 500;

/** What nobody asks for must be healed as well, while processes keep what they wrote there. */
function watchMasters(cluster: Cluster, changed: (partition: number) => void): NodeJS.Timeout {
  const { slots } = currentLayout();
  const known = new Map<number, string>();
  const look = (): void => {
    for (const [partition, slot] of slots.entries()) {
      const address = cluster.slots[slot]?.[0];
      if (address === undefined || address === known.get(partition)) continue;
      known.set(partition, address);
      changed(partition);
    }
  };
  look();
  return setInterval(look, LOOK).unref();
}
