import { Worker } from "node:worker_threads";
import { resultOf, settled, watch, type Chat, type Slice } from "./chat.ts";
import type { Pair } from "./pair.ts";

/** Ticks come no closer than this (ms): what is due between two of them starts together. */
const CLOSEST = 0.5;

/**
 * Calls `act` `rate` times a second, on time, whatever became of the calls before: an open loop. `due` is when the call should have begun, by
 * `performance.now()`; latencies are counted from it, so that a server that stalls is not spared what it kept from being asked.
 */
export async function pace(rate: number, seconds: number, act: (due: number) => void): Promise<void> {
  const each = 1_000 / rate;
  const interval = each * Math.ceil(CLOSEST / each);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./metronome.ts", import.meta.url), { workerData: { interval, stop } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const most = Math.round(rate * seconds);
  let began = 0;
  let done = 0;
  worker.on("error", reject);
  worker.on("message", (word: number) => {
    if (began === 0) began = word - performance.timeOrigin;
    const now = performance.now();
    for (; done < most && began + (done + 1) * each <= now; done++) act(began + (done + 1) * each);
    if (done === most) resolve();
  });
  try {
    await promise;
  } finally {
    Atomics.store(stop, 0, 1);
    Atomics.notify(stop, 0);
    await worker.terminate();
  }
}

/** Sends `rate` messages a second in turn over all pairs, then waits until all that was sent has arrived everywhere. */
export async function runPaced(chat: Chat, rate: number, seconds: number): Promise<Slice> {
  const watching = watch(chat);
  const started = performance.now();
  let turn = 0;
  await pace(rate, seconds, (due) => watching.send(chat.pairs[turn++ % chat.pairs.length] as Pair, due));
  await settled(chat);
  return resultOf(watching, started);
}
