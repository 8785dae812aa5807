import { AggregatorRegistry, type Registry } from "prom-client";
import type { Reported, ToWorker } from "./words.ts";

/** How long a worker may take to say what it counted, ms; then what it said last is taken. */
const PATIENCE = 1_000;

/** A worker that can be asked. */
interface Asked {
  id: number;
  say(word: ToWorker): void;
}

/** Metrics of all workers and of this process as one. */
export interface Scrapes {
  /** The sums now, as Prometheus reads them. */
  collect(): Promise<string>;
  reported(worker: number, question: number, metrics: Reported[]): void;
  /** A worker has ended: what it counted stays in the sums, so that no counter goes back. */
  retire(worker: number): void;
}

export function createScrapes(registry: Registry, workers: () => Asked[]): Scrapes {
  const last = new Map<number, Reported[]>();
  const open = new Map<number, { missing: Set<number>; done: () => void }>();
  let retired: Promise<Reported[]> = Promise.resolve([]);
  let asked = 0;

  const sum = (parts: Reported[][]): Registry => AggregatorRegistry.aggregate(parts as unknown as object[]);
  const told = async (of: Registry): Promise<Reported[]> => (await of.getMetricsAsJSON()) as unknown as Reported[];

  async function ask(): Promise<void> {
    const all = workers();
    if (all.length === 0) return;
    const question = ++asked;
    const { promise, resolve } = Promise.withResolvers<void>();
    open.set(question, { missing: new Set(all.map(({ id }) => id)), done: resolve });
    const late = setTimeout(resolve, PATIENCE);
    for (const worker of all) worker.say({ word: "report", question });
    await promise;
    clearTimeout(late);
    open.delete(question);
  }

  return {
    async collect() {
      await ask();
      return sum([await told(registry), await retired, ...last.values()]).metrics();
    },
    reported(worker, question, metrics) {
      last.set(worker, metrics);
      const waiting = open.get(question);
      waiting?.missing.delete(worker);
      if (waiting?.missing.size === 0) waiting.done();
    },
    retire(worker) {
      const counted = (last.get(worker) ?? []).filter(({ type }) => String(type) !== "gauge");
      last.delete(worker);
      for (const { missing, done } of open.values()) if (missing.delete(worker) && missing.size === 0) done();
      retired = retired.then((before) => told(sum([before, counted])));
    },
  };
}
