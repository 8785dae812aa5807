import cluster from "node:cluster";
import type { Registry } from "prom-client";
import type { Config } from "#shared/run/config.ts";
import { runUntilSignal, stopPatience } from "#shared/run/lifecycle.ts";
import type { Logger } from "#shared/run/logger.ts";
import { createRegistry, defineMetrics, runMetrics } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { startRoles } from "../roles.ts";
import { connectStores } from "../stores.ts";
import type { Reported, ToSteward, ToWorker } from "./words.ts";

/** How long a worker whose steward is gone may take to drain (ms): its stores have probably gone too. */
const ORPHAN_GRACE = 8_000;
/** How long the steward may take to put the metrics of all together (ms). */
const SCRAPE_PATIENCE = 3_000;

type Handed = Extract<ToWorker, { word: "stores" }>;

/** One of the processes that serve: the same roles as a single one, with the stores' servers told by the steward. */
export async function runWorker(config: Config, logger: Logger): Promise<void> {
  const registry = createRegistry({ processMetrics: true });
  const steward = hearSteward(registry);
  await runUntilSignal(
    async (stack, signal) => {
      say({ word: "born" });
      const { servers, port } = await steward.handed(signal);
      const parts = { config: { ...config, port }, logger, registry, metrics: defineMetrics(registry, runMetrics) };
      try {
        const stores = { ...(await connectStores(parts, servers, stack)), scrape: () => steward.scrape(), hurry: steward.hurry };
        steward.onGone((node) => {
          stores.bus.strikeOff(node).catch((err: unknown) => logger.debug({ err, node }, "a node that ended will be missed later"));
        });
        say({ word: "serves", port: await startRoles(stores, stack), node: stores.node });
      } catch (thrown) {
        say({ word: "failed", reason: thrown instanceof Error ? thrown.message : String(thrown) });
        throw thrown;
      }
    },
    logger,
    steward.over,
    stopPatience(config),
  );
  steward.leave();
}

function say(word: ToSteward): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => undefined);
}

function hearSteward(registry: Registry) {
  const { promise: over, resolve: stop } = Promise.withResolvers<void>();
  const { promise: stores, resolve: hand } = Promise.withResolvers<Handed>();
  const scrapes = new Map<number, (text: string) => void>();
  const alone = new AbortController();
  let gone: (node: string) => void = () => {};
  let stopping = false;
  let asked = 0;

  function stopNow(): void {
    stopping = true;
    stop();
  }

  process.on("message", (word: ToWorker) => {
    if (word.word === "stores") hand(word);
    else if (word.word === "stop") stopNow();
    else if (word.word === "gone") gone(word.node);
    else if (word.word === "scraped") scrapes.get(word.question)?.(word.text);
    else void report(registry, word.question);
  });
  // Otherwise Node ends a worker in the middle of its work when the steward is gone.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  function orphaned(): void {
    alone.abort();
    // A second wish to stop is one to stop at once. That of a steward which does not wait for its workers is such a one.
    const endAtOnce = () => process.kill(process.pid, "SIGTERM");
    if (stopping) endAtOnce();
    else stopNow();
    setTimeout(endAtOnce, ORPHAN_GRACE).unref();
  }
  process.once("disconnect", orphaned);

  return {
    /** Resolves when the worker is to stop. */
    over,
    /** Aborted when the steward is gone. */
    hurry: alone.signal,
    handed: (signal: AbortSignal): Promise<Handed> => {
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => reject(new Error("asked to stop before it began")), { once: true });
      return Promise.race([stores, promise]);
    },
    onGone(take: (node: string) => void) {
      gone = take;
    },
    /** Closes the channel, which is all that keeps a worker alive that has stopped. */
    leave(): void {
      process.removeListener("disconnect", orphaned);
      if (process.connected) process.disconnect?.();
    },
    /** The metrics of all workers. Refuses with 108 when the steward does not answer. */
    async scrape(): Promise<string> {
      const question = ++asked;
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const late = setTimeout(() => reject(new Refusal(108, "the metrics of all processes are late")), SCRAPE_PATIENCE);
      scrapes.set(question, resolve);
      say({ word: "scrape", question });
      return promise.finally(() => {
        clearTimeout(late);
        scrapes.delete(question);
      });
    },
  };
}

async function report(registry: Registry, question: number): Promise<void> {
  const metrics = (await registry.getMetricsAsJSON()) as unknown as Reported[];
  say({ word: "reported", question, metrics });
}
