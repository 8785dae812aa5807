import type { Redis } from "ioredis";
import { keys } from "../keys.ts";
import type { Script, ScriptName } from "../scripts.ts";
import { KEPT } from "./op-log.ts";

/** What a process brings is kept so long, ms. */
const BROUGHT = 60_000;

export type State =
  | {
      whole: true;
      /** Highest number that masters before this one gave. */
      inherited: number;
    }
  | {
      whole: false;
      /** Number of the last write that the master has, and its time (Unix ms). */
      survived: number;
      lastWrite: number;
      /** ms since anybody asked first. */
      age: number;
      /** Processes that wrote lately and have not brought all they keep. */
      awaited: string[];
    };

/** A partition's new master before it serves: its scripts are run there as they are. */
export interface Ground {
  redis: Redis;
  scripts: Record<ScriptName, Script>;
  run: (script: Script, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;
  /** Keys of the partition's life, and of what processes keep of its lost tail. */
  places: (partition: number) => [life: string, lostTail: string];
  stateOf: (partition: number) => Promise<State>;
}

export function createGround(redis: Redis, scripts: Record<ScriptName, Script>): Ground {
  const run: Ground["run"] = ({ source }, on, args) => redis.eval(source, on.length, ...on, ...args);
  const places: Ground["places"] = (partition) => [keys.life(partition), keys.lostTail(partition)];
  return {
    redis,
    scripts,
    run,
    places,
    async stateOf(partition) {
      const [word, ...more] = (await run(scripts.succeed, places(partition), [KEPT, BROUGHT])) as string[];
      if (word === "whole") return { whole: true, inherited: Number(more[0]) };
      const [survived = 0, lastWrite = 0, age = 0] = more.slice(0, 3).map(Number);
      return { whole: false, survived, lastWrite, age, awaited: more.slice(3) };
    },
  };
}
