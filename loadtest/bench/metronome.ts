import { workerData } from "node:worker_threads";
import { parentPort } from "node:worker_threads";

/**
 * A thread that ticks at fixed intervals, to a few microseconds: timers of an event loop are only good for milliseconds. Posts the Unix ms at which it
 * began, then the number of each tick. Ends when the first word of `stop` is not 0.
 */
export interface Beat {
  /** ms, also parts of one. */
  interval: number;
  stop: Int32Array;
}
const { interval, stop } = workerData as Beat;

const began = performance.now();
parentPort?.postMessage(performance.timeOrigin + began);
for (let tick = 1; Atomics.load(stop, 0) === 0;) {
  const rest = began + tick * interval - performance.now();
  if (rest > 0) Atomics.wait(stop, 0, 0, rest);
  else parentPort?.postMessage(tick++);
}
