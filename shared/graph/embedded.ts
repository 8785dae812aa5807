import { randomUUID } from "node:crypto";
import { GraphAway } from "./guarded.ts";
import type { Graph } from "./port.ts";

/** Where the embedded graph listens, and what opens it. */
export interface EmbeddedGraph {
  url: string;
  secret: string;
}

/** Longest wait for an answer, ms: nobody waits for it any more. */
const PATIENCE = 2_000;
const LOAD_PATIENCE = 300_000;

/** What the child answers. */
interface Said<Result> {
  result?: Result;
  error?: string;
}

/** Pairs that are sent at once to be loaded. */
const LOAD_PART = 20_000;

/**
 * The port over the child process of `infra/graph`, which has the rest of it. A call that gets no answer rejects with `GraphAway`: see `guarded`.
 */
export function openEmbeddedGraph({ url, secret }: EmbeddedGraph): Graph {
  const headers = { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" };

  async function ask<Result>(name: string, given: unknown[], patience: number): Promise<{ ok: boolean; said: Said<Result> }> {
    try {
      const answer = await fetch(`${url}/${name}`, {
        method: "POST",
        headers,
        body: JSON.stringify(given),
        signal: AbortSignal.timeout(patience),
      });
      return { ok: answer.ok, said: (await answer.json()) as Said<Result> };
    } catch (error) {
      throw new GraphAway(error);
    }
  }

  async function call<Result>(name: string, given: unknown[], patience = PATIENCE): Promise<Result> {
    const { ok, said } = await ask<Result>(name, given, patience);
    if (!ok) throw new Error(`the embedded graph refuses ${name}: ${said.error ?? "without a reason"}`);
    return said.result as Result;
  }

  return {
    pairs: (asked) => call("pairs", [asked]),
    write: (writes) => call("write", [writes]),
    settled: (done) => call("settled", [done]),
    unsettled: (before, limit) => call("unsettled", [before, limit]),
    list: (user, kind, after, limit) => call("list", [user, kind, after, limit]),
    mutual: (user, other, limit) => call("mutual", [user, other, limit]),
    suggest: (user, limit) => call("suggest", [user, limit]),
    path: (user, other, max) => call("path", [user, other, max]),
    secondRing: (user, limit) => call("secondRing", [user, limit]),
    scan: (after, limit) => call("scan", [after, limit]),
    load: async (pairs) => {
      const name = randomUUID();
      for (let from = 0; from < pairs.length; from += LOAD_PART)
        await call<null>("stage", [name, pairs.slice(from, from + LOAD_PART)], LOAD_PATIENCE);
      await call<null>("load", [name], LOAD_PATIENCE);
    },
    ping: () => call("ping", []),
    [Symbol.asyncDispose]: async () => {},
  };
}
