import { hash } from "node:crypto";
import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Caller, Handler } from "#shared/wire/ports.ts";

/** A call under its `requestId`: `claim` keeps a value over tries that failed half-way, so that the next one goes on with it. */
export interface Attempt {
  claim(make: () => Promise<string>): Promise<string>;
}

type Work = (params: never, caller: Caller, attempt: Attempt) => Promise<object>;

const RESULT = "r";
const CLAIM = "c";

/**
 * Gives a method its `requestId`: the same one from the same user within the window gets the first result. Refused calls are not remembered.
 * Calls that come while the first is under way share it; one that lost its process is done again, which every changing method bears.
 */
export function once(deps: { hot: Hot; dedupeWindowMs: number }, method: string, work: Work): Handler {
  const { hot, dedupeWindowMs } = deps;
  const underWay = new Map<string, Promise<object>>();
  const fresh: Attempt = { claim: (make) => make() };

  async function attempt(key: string, params: never, caller: Caller): Promise<object> {
    const kept = await hot.redis.get(key);
    if (kept?.startsWith(RESULT) === true) return JSON.parse(kept.slice(1)) as object;
    const claim = async (make: () => Promise<string>): Promise<string> => {
      if (kept?.startsWith(CLAIM) === true) return kept.slice(1);
      const value = await make();
      const first = await hot.redis.set(key, CLAIM + value, "PX", dedupeWindowMs, "NX");
      return first === "OK" ? value : ((await hot.redis.get(key)) ?? CLAIM + value).slice(1);
    };
    const result = await work(params, caller, { claim });
    await hot.redis.set(key, RESULT + JSON.stringify(result), "PX", dedupeWindowMs);
    return result;
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
