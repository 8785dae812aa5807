import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Ask, AskOrder, AskResult, AskRun } from "./asker.ts";

/** Clients that ask, in a process of their own, so that what else the bench does is not in their latencies. */
export interface Asker extends AsyncDisposable {
  /** Latencies in ms, from when each call was due. Throws when an answer was wrong. */
  run(rate: number, seconds: number): Promise<number[]>;
  /** Asks everything once, all at the same time. */
  atOnce(): Promise<number[]>;
}

/** Longest wait for what was asked, beyond the time in which it is asked (ms). */
const PATIENCE = 60_000;

export async function openAsker(
  target: AskOrder["target"],
  asks: readonly Ask[],
  tokenOf: (user: string) => string | Promise<string>,
): Promise<Asker> {
  const child = fork(join(import.meta.dirname, "asker.ts"), [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const told = async <T>(limit: number): Promise<T> => {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(limit)]);
    const gone = once(child, "exit", { signal }).then(([code]) =>
      Promise.reject(new Error(`the asking process ended with ${String(code)}`)),
    );
    gone.catch(() => undefined);
    try {
      const [message] = (await Promise.race([once(child, "message", { signal }), gone])) as [T];
      return message;
    } finally {
      ended.abort();
    }
  };
  const users = [...new Set(asks.filter(({ method }) => method !== null).map(({ user }) => user))];
  const tokens = Object.fromEntries(await Promise.all(users.map(async (user) => [user, await tokenOf(user)] as const)));
  child.send({ target, tokens, asks } as AskOrder);
  await told(PATIENCE);
  const run = async (wanted: AskRun): Promise<number[]> => {
    child.send(wanted);
    const { times, failure } = await told<AskResult>(wanted.seconds * 1_000 + PATIENCE);
    if (failure !== null) throw new Error(failure);
    return times;
  };
  return {
    run: (rate, seconds) => run({ rate, seconds }),
    atOnce: () => run({ rate: 0, seconds: 0 }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}
