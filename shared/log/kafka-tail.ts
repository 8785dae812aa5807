import { once } from "node:events";
import { compareStreamIds } from "#shared/hot/progress.ts";
import { carriedOf, Reached, type Carried } from "./carried.ts";
import type { KafkaClient, KafkaMessage } from "./kafka.ts";
import { COMMITTED, groupOf } from "./kafka-log.ts";
import type { LogRun, Tail, TailWanted } from "./port.ts";

/** How long a read waits for what must come before it gives the reader a chance to look whether it may still read (ms). */
const PATIENCE = 15_000;

/** What came of a partition and is not saved yet. */
interface Waiting {
  entries: LogRun[];
  reached: Reached;
  /** Lines of the entry that has not come in full. */
  open: string[];
}

/** A part that the group has yet to hear of as handled. */
interface Held {
  /** Last entry of each partition of the outbox in it. */
  lasts: Map<number, string>;
  release: PromiseWithResolvers<void>;
}

/**
 * What the relays brought into Kafka, for a reader of its own pace. It is a member of a group while it follows; a part of a partition is given back to the group as
 * handled when the reader has saved a position behind it, and the next part comes then.
 */
export function kafkaTail(kafka: KafkaClient, consumer: string): Tail {
  const partitions = new Map<number, Waiting>();
  const events = new EventTarget();
  let held: Held[] = [];
  let member: AsyncDisposable | null = null;
  let leaving: PromiseLike<void> = Promise.resolve();

  const waitingOf = (partition: number): Waiting =>
    partitions.getOrInsertComputed(partition, () => ({ entries: [], reached: new Reached("0-0"), open: [] }));

  /** Resolves when the reader has saved positions behind all that came. */
  async function take(messages: readonly KafkaMessage[], lost: AbortSignal): Promise<void> {
    const touched = new Set<number>();
    for (const message of messages) {
      const run = carriedOf(message);
      put(waitingOf(run.partition), run);
      touched.add(run.partition);
    }
    events.dispatchEvent(new Event("came"));
    const one: Held = { lasts: new Map(), release: Promise.withResolvers() };
    for (const partition of touched) {
      const { entries, reached } = waitingOf(partition);
      if (entries.length > 0) one.lasts.set(partition, reached.id);
    }
    if (one.lasts.size === 0) return;
    held.push(one);
    lost.addEventListener("abort", () => one.release.reject(lost.reason), { once: true });
    await one.release.promise;
  }

  function follow(reading: boolean): void {
    if (reading === (member !== null)) return;
    const left = member;
    member = null;
    if (left !== null) {
      leaving = left[Symbol.asyncDispose]();
      held = [];
      partitions.clear();
      return;
    }
    const joining = leaving.then(() =>
      kafka.join({
        group: groupOf(consumer),
        topic: COMMITTED,
        from: "earliest",
        take: (_, messages, lost) => take(messages, lost),
        grace: 0,
        assigned: () => undefined,
      }),
    );
    member = { [Symbol.asyncDispose]: async () => (await joining)[Symbol.asyncDispose]() };
  }

  const isThere = ({ partition, until }: TailWanted): boolean =>
    until === undefined || compareStreamIds(waitingOf(partition).reached.id, until) >= 0;

  return {
    follow,
    async read(wanted, most) {
      const late = AbortSignal.timeout(PATIENCE);
      while (!wanted.every(isThere)) await once(events, "came", { signal: late });
      return wanted.map(({ partition, after, until }) => entriesOf(waitingOf(partition).entries, after, until, most));
    },
    saved(cursors) {
      for (const [partition, id] of cursors) {
        const waiting = waitingOf(partition);
        waiting.entries = waiting.entries.filter((entry) => compareStreamIds(entry.id, id) > 0);
      }
      for (const { lasts } of held)
        for (const [partition, last] of lasts) if (compareStreamIds(cursors.get(partition) ?? "0-0", last) >= 0) lasts.delete(partition);
      const done = held.filter(({ lasts }) => lasts.size === 0);
      held = held.filter((one) => !done.includes(one));
      for (const { release } of done) release.resolve();
    },
    async [Symbol.asyncDispose]() {
      follow(false);
      await leaving;
    },
  };
}

/** Puts entries together; those that came before are passed over. */
function put(waiting: Waiting, run: Carried): void {
  if (!waiting.reached.take(run)) return;
  if (run.first === 0) waiting.open = [];
  waiting.open.push(...run.lines);
  if (!run.last) return;
  waiting.entries.push({ partition: run.partition, id: run.id, first: 0, lines: waiting.open });
  waiting.open = [];
}

function entriesOf(entries: readonly LogRun[], after: string, until: string | undefined, most: number): LogRun[] {
  const found: LogRun[] = [];
  for (const entry of entries) {
    if (found.length === most || (until !== undefined && compareStreamIds(entry.id, until) > 0)) break;
    if (compareStreamIds(entry.id, after) > 0) found.push(entry);
  }
  return found;
}
