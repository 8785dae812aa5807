import { hash } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import type { Caller, Handler } from "#shared/wire/ports.ts";

/** A call under its `requestId`: `claim` keeps a value over tries that failed half-way, so that the next one goes on with it. */
export interface Attempt {
  claim(make: () => Promise<string>): Promise<string>;
}

/** Key that says that a call is under way, in the slot of its result. */
const working = (key: string): string => `${key}:w`;

type Work = (params: never, caller: Caller, attempt: Attempt) => Promise<object>;

/** Another process, thought to have ended, has finished the call meanwhile. */
class Finished extends Error {
  readonly result: object;

  constructor(result: object) {
    super("the call was finished elsewhere");
    this.result = result;
  }
}

const RESULT = "r";
const CLAIM = "c";
/** How long a call may be under way in another process before this one does it too (ms): that process may have ended. */
const WORKING = 3_000;
const LONGEST_PAUSE = 50;

/**
 * Gives a method its `requestId`: the same one from the same user within the window gets the first result. Refused calls are not remembered.
 * Calls that come while the first is under way share it, or wait for it where it is in another process; one that lost its process is done again, which every changing method bears.
 */
export function once(deps: { hot: Hot; dedupeWindowMs: number }, method: string, work: Work): Handler {
  const { hot, dedupeWindowMs } = deps;
  const underWay = new Map<string, Promise<object>>();
  const fresh: Attempt = { claim: (make) => make() };

  /** What is kept of the call, once no other process has it under way. */
  async function begin(key: string): Promise<string | null> {
    for (let pause = 2; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const [mine, kept] = await Promise.all([hot.redis.set(working(key), "", "PX", WORKING, "NX"), hot.redis.get(key)]);
      if (mine === "OK" || kept?.startsWith(RESULT) === true) return kept;
      await after(pause);
    }
  }

  async function attempt(key: string, params: never, caller: Caller): Promise<object> {
    const kept = await begin(key);
    try {
      return await result(key, kept, params, caller);
    } finally {
      hot.redis.del(working(key)).catch(() => 0);
    }
  }

  async function result(key: string, kept: string | null, params: never, caller: Caller): Promise<object> {
    if (kept?.startsWith(RESULT) === true) return JSON.parse(kept.slice(1)) as object;
    const claim = async (make: () => Promise<string>): Promise<string> => {
      if (kept?.startsWith(CLAIM) === true) return kept.slice(1);
      const value = await make();
      if ((await hot.redis.set(key, CLAIM + value, "PX", dedupeWindowMs, "NX")) === "OK") return value;
      const now = (await hot.redis.get(key)) ?? CLAIM + value;
      if (now.startsWith(RESULT)) throw new Finished(JSON.parse(now.slice(1)) as object);
      return now.slice(1);
    };
    const first = await work(params, caller, { claim }).catch((thrown: unknown) => {
      if (thrown instanceof Finished) return thrown.result;
      throw thrown;
    });
    await hot.redis.set(key, RESULT + JSON.stringify(first), "PX", dedupeWindowMs);
    return first;
  }

  return async (params: { requestId?: string }, caller) => {
    const { requestId } = params;
    if (requestId === undefined) return work(params as never, caller, fresh);
    const key = keys.request(caller.user, hash("sha1", `${method} ${requestId}`, "base64").slice(0, 12));
    const running = underWay.get(key);
    if (running !== undefined) return running;
    const made = attempt(key, params as never, caller).finally(() => underWay.delete(key));
    underWay.set(key, made);
    return made;
  };
}
