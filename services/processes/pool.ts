import cluster, { type Worker } from "node:cluster";
import { setTimeout as delay } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { Logger } from "#shared/run/logger.ts";
import type { Servers } from "../servers.ts";
import { createScrapes } from "./scrapes.ts";
import type { ToSteward, ToWorker } from "./words.ts";

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5_000;
/** A worker that lived this long was well: the pauses begin anew (ms). */
const STEADY = 10_000;
/** So many ends in a row before it served, and there is no hope. */
const MOST_FAILURES = 5;
/** How long workers may take to stop, when their clients are sent elsewhere, before they are killed (ms). */
const GRACE = 20_000;

export interface PoolParts {
  count: number;
  servers: Servers;
  /** 0: the system chooses, and it stays the same. */
  port: number;
  /** Over which workers send their clients elsewhere when they stop. */
  drainSeconds: number;
  logger: Logger;
  registry: Registry;
  /** Told when no worker serves and none can be started. */
  hopeless: (why: Error) => void;
  /** Ends the wait for the first start. */
  signal: AbortSignal;
}

/** Workers that serve on one port. One that ends by itself is replaced, with growing pauses. Disposing drains them all. */
export interface Pool extends AsyncDisposable {
  /** Null where no role listens. */
  readonly port: number | null;
}

/** One of the workers that there should be. */
interface Place {
  worker: Worker;
  since: number;
  node: string | null;
  /** The port it was told to listen on; null before that, and when it has ended. */
  told: number | null;
  failures: number;
  pause: number;
  over: PromiseWithResolvers<void>;
}

interface Started extends Pool {
  complete: Promise<void>;
  giveUp(why: Error): void;
}

/** Starts the workers; resolves when all serve. Rejects with what a worker says, or when one ends again and again before it serves. */
export async function startPool(parts: PoolParts): Promise<Pool> {
  const pool = createPool(parts);
  parts.signal.addEventListener("abort", () => pool.giveUp(new Error("asked to stop while workers started")), { once: true });
  try {
    await pool.complete;
    return pool;
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
}

function createPool({ count, servers, port: wanted, drainSeconds, logger, registry, hopeless }: PoolParts): Started {
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const serving = () => places.filter(({ node }) => node !== null);
  const scrapes = createScrapes(registry, () => serving().map(({ worker }) => ({ id: worker.id, say: (word) => say(worker, word) })));
  let port = wanted;
  let started = false;

  function born(place: Pick<Place, "failures" | "pause">): Place {
    const worker = cluster.fork();
    const made: Place = { ...place, worker, since: performance.now(), node: null, told: null, over: Promise.withResolvers() };
    worker.on("message", (word: ToSteward) => hear(made, word));
    worker.on("error", (err) => logger.warn({ err, worker: worker.process.pid }, "a worker could not be reached"));
    worker.once("exit", (code, signal) => ended(made, code, signal));
    return made;
  }

  function hear(place: Place, word: ToSteward): void {
    const { worker } = place;
    if (word.word === "born") say(worker, { word: "stores", servers, port: portFor(place) });
    else if (word.word === "serves") serves(place, word);
    else if (word.word === "reported") scrapes.reported(worker.id, word.question, word.metrics);
    else if (word.word === "scrape") void answerScrape(worker, word.question);
    else if (!started) reject(new Error(word.reason));
    else logger.error({ reason: word.reason }, "a worker could not be started again");
  }

  /** Workers share a socket by the number they ask for: also for 0 they must all ask for the same, unless none is left. */
  function portFor(place: Place): number {
    const others = places.filter((one) => one !== place).map(({ told }) => told);
    return (place.told = others.find((told) => told !== null) ?? port);
  }

  function serves(place: Place, { port: opened, node }: Extract<ToSteward, { word: "serves" }>): void {
    place.node = node;
    place.failures = 0;
    port = opened ?? port;
    if (started) logger.info({ worker: place.worker.process.pid, node }, "a worker serves in place of the one that ended");
    if (serving().length < count) return;
    started = true;
    resolve();
  }

  async function answerScrape(worker: Worker, question: number): Promise<void> {
    try {
      say(worker, { word: "scraped", question, text: await scrapes.collect() });
    } catch (err) {
      logger.error({ err }, "the metrics of all workers could not be put together");
    }
  }

  function ended(place: Place, code: number | null, signal: string | null): void {
    const { worker, node } = place;
    place.over.resolve();
    scrapes.retire(worker.id);
    if (node !== null) for (const other of serving()) if (other !== place) say(other.worker, { word: "gone", node });
    if (stopping.signal.aborted) {
      if (code !== 0) logger.warn({ worker: worker.process.pid, code, signal }, "a worker was cut short while it stopped");
      return;
    }
    const lived = performance.now() - place.since;
    if (lived > STEADY) place.pause = FIRST_PAUSE;
    if (node === null) place.failures += 1;
    place.node = null;
    place.told = null;
    logger.error({ worker: worker.process.pid, code, signal, livedMs: Math.round(lived) }, "a worker ended by itself; starting another");
    if (place.failures < MOST_FAILURES || (started && serving().length > 0)) {
      void replace(place);
      return;
    }
    const why = new Error(`a worker ended ${MOST_FAILURES} times before it served: its last lines in the log say why`);
    reject(why);
    if (started) hopeless(why);
  }

  async function replace(place: Place): Promise<void> {
    await delay(place.pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) return;
    places[places.indexOf(place)] = born({ failures: place.failures, pause: Math.min(place.pause * 2, LONGEST_PAUSE) });
  }

  async function stop(): Promise<void> {
    stopping.abort();
    for (const { worker } of places) say(worker, { word: "stop" });
    const late = setTimeout(
      () => {
        logger.error({}, "workers did not stop in time and are killed");
        for (const { worker } of places) worker.process.kill("SIGKILL");
      },
      drainSeconds * 1_000 + GRACE,
    );
    await Promise.all(places.map(({ over }) => over.promise));
    clearTimeout(late);
  }

  const places: Place[] = [];
  for (let n = 0; n < count; n++) places.push(born({ failures: 0, pause: FIRST_PAUSE }));
  let stopped: Promise<void> | undefined;
  return {
    complete,
    giveUp: reject,
    get port() {
      return port === 0 ? null : port;
    },
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

/** A worker that is going does not hear it: its end is seen by itself. */
function say(worker: Worker, word: ToWorker): void {
  worker.send(word, () => undefined);
}
