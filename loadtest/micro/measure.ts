import { spread } from "../bench/row.ts";

/** Something done over and over. */
export interface Op {
  name: string;
  /** What it is an alternative to, or null: beside it in the table. */
  reference?: true;
  /** Bytes that one run reads or writes, where that says something. */
  bytes?: number;
  /** Things done by one run, 1 if not given: the figures are of one. */
  things?: number;
  /** What it gives is used, so that it is not left out. */
  run(): unknown;
}

/** Figures of an op over the rounds. */
export interface Figure {
  group: string;
  name: string;
  reference: boolean;
  unit: "ns" | "µs";
  min: number;
  median: number;
  max: number;
  /** At the median. */
  mbPerSecond: number | null;
  /** Redis commands a message or inbox write; null of what runs in Node. */
  commands: number | null;
}

const WARM_UP_MS = 150;
const ROUND_MS = 40;
const ROUNDS = 9;

let used: unknown = null;
/** Something the optimizer can't know to be unused. */
export const lastUsed = (): unknown => used;

/** ms of CPU so far, of the helpers that collect garbage too: unlike the clock it stands still while another process runs. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function timed(op: Op, times: number): number {
  const started = cpu();
  for (let i = 0; i < times; i++) used = op.run();
  return cpu() - started;
}

/** ns of CPU of one thing, after a warm-up, over rounds of about the same length. */
export function measure(group: string, op: Op): Figure {
  let times = 1;
  for (let spent = 0; spent < WARM_UP_MS;) {
    const took = timed(op, times);
    spent += took;
    if (took < ROUND_MS / 2) times *= 2;
  }
  times = Math.max(1, Math.round((times * ROUND_MS) / Math.max(timed(op, times), 0.001)));
  const things = op.things ?? 1;
  const each = Array.from({ length: ROUNDS }, () => (timed(op, times) * 1e6) / times / things);
  const { min, median, max } = spread(each);
  const mbPerSecond = op.bytes === undefined ? null : (op.bytes / things / median) * 1e3;
  return { group, name: op.name, reference: op.reference === true, unit: "ns", min, median, max, mbPerSecond, commands: null };
}
