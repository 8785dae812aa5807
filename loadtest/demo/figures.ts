import { percentile } from "../bench/result.ts";

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

/** Sums of the server's metrics by name, over all labels, and by name with labels. */
export async function readMetrics(http: string): Promise<Map<string, number>> {
  const metrics = new Map<string, number>();
  const text = await (await fetch(`${http}/metrics`)).text();
  for (const line of text.split("\n")) {
    const found = /^(tributary_\w+|process_\w+)(\{[^}]*\})? (\S+)/.exec(line);
    if (found === null) continue;
    const [, name = "", labels = "", value = "0"] = found;
    if (labels !== "") metrics.set(name + labels, Number(value));
    metrics.set(name, (metrics.get(name) ?? 0) + Number(value));
  }
  return metrics;
}
