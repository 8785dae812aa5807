/**
 * The log: committed work on its way from the scripts that write it to the stations that consume it, and accepted sends on their way to their commit.
 *
 * What holds of every implementation:
 * - A log has partitions. In a partition, entries have ids "ms-n" that rise; a consumer is given them in that order.
 * - What is appended stays until every consumer that the log knows has handled it.
 * - A partition is given to one of the processes that consume under a name. When one of them ends, or is not heard of for some seconds, others get its
 *   partitions, from the position on that was saved last.
 * - A position is saved after its effect. So a process that dies has its last batch done again by another, and a process that was taken for dead may still be
 *   doing it: effects must bear to be repeated. What was saved is never given again.
 */

/** Some lines of one entry of a log, in order; all of them but where a transport cuts an entry in several. */
export interface LogRun {
  partition: number;
  /** "ms-n": the entry's id in its stream. */
  id: string;
  /** Place of the first line in the entry, from 0. */
  first: number;
  lines: string[];
}

/** What a consumer is given at once: of each partition what is next. */
export interface LogBatch {
  /** In order within a partition. */
  runs: LogRun[];
  /** Entry up to which each partition in it is handled with it; none where the last entry goes on in the next batch. */
  cursors: Map<number, string>;
}

export interface Consuming {
  /** Who consumes, over all processes: "fanout", "archive", "relay", "send". */
  consumer: string;
  /** Does the work. When it rejects, the same is given again until it resolves. */
  handle: (batch: LogBatch) => Promise<void>;
  /** Called when the set of held partitions changes, before anything of it is handled. */
  changed?: (owned: ReadonlySet<number>) => Promise<void>;
}

/** Consumes until disposed; disposing waits for the batch under way and lets the partitions go. */
export interface Consumer extends AsyncDisposable {
  /** Partitions held now. */
  owned(): ReadonlySet<number>;
}

/** How far a consumer is behind in a partition. */
export interface LogLag {
  consumer: string;
  partition: number;
  /** Entries it has not handled, at most. */
  records: number;
}

/** A log as its consumers see it. */
export interface Log {
  consume(consuming: Consuming): Consumer;
  /** How far each consumer is behind. */
  lags(): Promise<LogLag[]>;
}

/** What is wanted of a partition: what follows an entry, up to another (included) or to the end of what is there. */
export interface TailWanted {
  partition: number;
  after: string;
  until?: string | undefined;
}

/** The log for a reader that comes when it wants and keeps its positions itself. One process at a time reads under a name: see to that. */
export interface Tail extends AsyncDisposable {
  /** Whole entries, at most `most` of each partition. Where an `until` is given, waits for what lies up to it. */
  read(wanted: readonly TailWanted[], most: number): Promise<LogRun[][]>;
  /** Positions were saved: what lies up to them is not wanted again. */
  saved(cursors: ReadonlyMap<number, string>): void;
  /** Whether this process is the one that reads now. */
  follow(reading: boolean): void;
}

/** A place to append to. */
export interface Appender {
  /** Partitions, numbered from 0. */
  readonly partitions: number;
  /** Resolves when the lines are durable. Lines of a partition stand in the log in the order of the calls. Those of a call that rejects may stand there too. */
  append(lines: ReadonlyMap<number, readonly string[]>): Promise<void>;
}
