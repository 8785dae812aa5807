import { Counter, Trend } from "k6/metrics";
import type { Options } from "k6/options";
import { number, settings, type Size } from "./settings.ts";
import type { Fault, Report } from "./witness.ts";

/** Messages that were sent. */
export const sent = new Counter("messages_sent");
/** Entries that a client got and that were held against the protocol's promises. */
export const checked = new Counter("deliveries_checked");
/** Connections that came back with their positions. */
export const reconnects = new Counter("reconnects");
/** Times that a client was told to go on in a conversation's channel, or in its inbox again. */
export const modeSwitches = new Counter("mode_switches");
/** Pages of timelines and histories that were read. */
export const pages = new Counter("pages_checked");
/** Which tier the messages of `message.history` came from. */
export const fromTiers = { hot: new Counter("from_hot"), warm: new Counter("from_warm"), cold: new Counter("from_cold") };
/** Calls refused, sends without an answer, connections closed by the server. */
export const errors = new Counter("errors");
/** VUs that came to the end of their work. */
const finished = new Counter("vus_finished");

/** How often each promise was broken. */
const violations: Record<Fault, Counter> = {
  duplicate: new Counter("duplicates"),
  gap: new Counter("gaps"),
  disorder: new Counter("out_of_order"),
  missing: new Counter("missing"),
  misplaced: new Counter("misplaced"),
  miscounted: new Counter("miscounted"),
  unrecovered: new Counter("unrecovered"),
  stray: new Counter("strays"),
};
export const violationNames = [...Object.values(violations), errors].map(({ name }) => name);

/** Times in milliseconds, with the highest p95 that passes where nothing else is said (`LOAD_P95_<NAME>`). */
const usualLimits = {
  /** From sending to the answer. */
  ack_time: 500,
  /** From sending to the arrival at one member's socket, or in one client's sync. */
  delivery_time: 1_000,
  /** From sending to the arrival at the last of a VU's sockets that are owed it. */
  time_to_last: 2_000,
  /** From the connect command to its reply, for clients that come back. */
  reply_time: 2_000,
  /** From the drop to the moment when everything missed is there. */
  recovery_time: 5_000,
  /** A `timeline.sync` that does not wait. */
  sync_time: 1_000,
  /** A page of `timeline.read`. */
  timeline_page_time: 1_000,
  /** A page of `message.history`. */
  history_page_time: 1_000,
  /** A `conversation.list` or `unread.get`. */
  list_time: 1_000,
  /** A `message.read`. */
  read_time: 1_000,
} as const;
type TimeName = keyof typeof usualLimits;

export const times = Object.fromEntries(Object.keys(usualLimits).map((name) => [name, new Trend(name, true)])) as Record<TimeName, Trend>;

/** How late a VU's own clock ticks, in milliseconds: where it is late, so is what it measures. */
export const ownLag = new Trend("own_lag", true);

let told = 0;
function say(words: string): void {
  if (told++ < 20) console.error(words);
}

/** Counts a broken promise; the first ones of a VU are told in words. */
export const violated: Report = (fault, words) => {
  violations[fault].add(1);
  say(`VIOLATED (${fault}) ${words}`);
};

/** Counts an error; the first ones of a VU are told in words. */
export function failed(words: string): void {
  errors.add(1);
  say(`ERROR ${words}`);
}

/** The options of a scenario: one piece of work a VU, no violation, no error, and the given times below their limits. */
export function optionsOf(size: Size, timed: readonly TimeName[]): Options {
  const none = [...violationNames].map((name) => [name, ["count==0"]] as const);
  const limits = timed.map((name) => [name, [`p(95)<${number(`LOAD_P95_${name.toUpperCase()}`, usualLimits[name], 1, 600_000)}`]] as const);
  return {
    scenarios: {
      load: {
        executor: "per-vu-iterations",
        vus: size.vus,
        iterations: 1,
        maxDuration: `${size.seconds + settings.settle + 180}s`,
        gracefulStop: "5s",
      },
    },
    thresholds: {
      vus_finished: [`count==${size.vus}`],
      deliveries_checked: ["count>0"],
      ...Object.fromEntries(none),
      ...(settings.latency ? Object.fromEntries(limits) : {}),
    },
    summaryTrendStats: ["min", "med", "p(95)", "p(99)", "max", "count"],
    setupTimeout: "180s",
    batch: 50,
    batchPerHost: 50,
  };
}

/** Runs a VU's work. What it throws is an error; a metric that was never touched passes every threshold, so all are touched. */
export async function counted(work: () => Promise<void>): Promise<void> {
  for (const counter of [sent, checked, errors, finished, ...Object.values(violations)]) counter.add(0);
  try {
    await work();
    finished.add(1);
  } catch (error) {
    failed(error instanceof Error ? error.message : String(error));
  }
}
