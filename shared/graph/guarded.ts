import CircuitBreaker from "opossum";
import { Refusal } from "../wire/errors.ts";
import type { Graph } from "./port.ts";

/** Thrown by a graph that could not be reached: it may have been asked, and have done all of it or nothing. */
export class GraphAway extends Error {
  constructor(cause: unknown) {
    super(`the graph can't be reached: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Longest wait for an answer, ms, unless another is named. */
const PATIENCE = 1_800;
/** How long nothing is asked of a graph that is away, before it is tried again with one call: ms. */
const REST = 500;
/** A call after that is refused at once, when half of so many calls of the last seconds found the graph away. */
const FEWEST_CALLS = 5;

const isAway = (error: unknown): boolean =>
  error instanceof GraphAway ||
  (error instanceof Error && "code" in error && (error.code === "ETIMEDOUT" || error.code === "EOPENBREAKER"));

/**
 * A graph that is never waited for: with it away or hung each call is refused with 108, after at most 1.8 s or, when others have found out, at once. It is
 * tried again by itself. `load` may take its time.
 * @param patience ms in place of the 1.8 s
 */
export function guarded(graph: Graph, patience = PATIENCE): Graph {
  const breaker = new CircuitBreaker((work: () => Promise<unknown>) => work(), {
    timeout: patience,
    resetTimeout: REST,
    volumeThreshold: FEWEST_CALLS,
    errorThresholdPercentage: 50,
    errorFilter: (error: unknown) => !isAway(error),
  });
  const refuse = (error: unknown): never => {
    throw isAway(error) ? new Refusal(108, "the relation graph does not answer for now") : error;
  };
  const ask = <Result>(work: () => Promise<Result>): Promise<Result> => breaker.fire(work).catch(refuse) as Promise<Result>;
  return {
    pairs: (asked) => ask(() => graph.pairs(asked)),
    write: (writes) => ask(() => graph.write(writes)),
    settled: (done) => ask(() => graph.settled(done)),
    unsettled: (before, limit) => ask(() => graph.unsettled(before, limit)),
    list: (user, kind, after, limit) => ask(() => graph.list(user, kind, after, limit)),
    mutual: (user, other, limit) => ask(() => graph.mutual(user, other, limit)),
    suggest: (user, limit) => ask(() => graph.suggest(user, limit)),
    path: (user, other, max) => ask(() => graph.path(user, other, max)),
    secondRing: (user, limit) => ask(() => graph.secondRing(user, limit)),
    scan: (after, limit) => ask(() => graph.scan(after, limit)),
    load: (pairs) => graph.load(pairs).catch(refuse),
    ping: () => ask(() => graph.ping()),
    async [Symbol.asyncDispose]() {
      breaker.shutdown();
      await graph[Symbol.asyncDispose]();
    },
  };
}
