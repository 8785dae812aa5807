import { percentile } from "../bench/row.ts";

/** Times of one kind: those since the last look, and a part of all. */
export class Times {
  #recent: number[] = [];
  #all: number[] = [];
  count = 0;

  add(ms: number): void {
    this.count++;
    this.#recent.push(ms);
    if (this.count % 10 === 0) this.#all.push(ms);
  }

  /** Of what came since the last call. */
  recent(): { count: number; p50: number; p99: number } {
    const times = this.#recent;
    this.#recent = [];
    return { count: times.length, ...quantiles(times) };
  }

  all(): { p50: number; p99: number } {
    return quantiles(this.#all);
  }
}

function quantiles(times: number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(times).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}
