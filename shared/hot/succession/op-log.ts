import type { ScriptName } from "../scripts.ts";

/** A call of a script that writes. */
export interface Op {
  name: ScriptName;
  keys: readonly string[];
  args: readonly (string | number)[];
}

/** A call as this process keeps it for a while. */
export interface KeptOp extends Op {
  /** Names it among the writes of this process. */
  id: number;
  /** Which of the partition's writes it was, from 1; null while nobody has said. */
  number: number | null;
  /** Newest number that this process had heard of when the call began: its own is higher. */
  after: number;
  /** What the script said. */
  answer: unknown;
}

/** How long a write is kept, ms: longer than Redis Cluster takes to replace a master, by far. */
export const KEPT = 60_000;
/** Characters of all writes kept, about. */
const MOST = 64 * 1024 * 1024;
const OVERHEAD = 200;

/** The latest writes of this process by partition, so that what a lost master took with it can be done again. */
export interface OpLog {
  begin(partition: number, op: Op): KeptOp;
  /** The script has run. False if it has on a node that had been replaced, as its number is one of that node's: then it counts for nothing. */
  done(partition: number, op: KeptOp, number: number, answer: unknown): boolean;
  /** The script has not run, and nobody will try again. */
  forget(op: KeptOp): void;
  /** The partition has a new master: numbers up to this one were given by those before. */
  inherited(partition: number, number: number): void;
  /** Writes beyond those that survived, and those of which nobody knows; in the order begun. */
  beyond(partition: number, survived: number): KeptOp[];
  /** Those with writes that are kept. */
  partitions(): number[];
}

interface Line {
  op: KeptOp;
  partition: number;
  begun: number;
  size: number;
}

const raise = (numbers: Map<number, number>, partition: number, number: number): void => {
  numbers.set(partition, Math.max(number, numbers.get(partition) ?? 0));
};

const sizeOf = ({ keys, args }: Op): number =>
  OVERHEAD + keys.length * 40 + args.reduce<number>((sum, arg) => sum + (typeof arg === "string" ? arg.length : 8), 0);

export function createOpLog(now: () => number = Date.now, most: number = MOST): OpLog {
  const lines = new Map<KeptOp, Line>();
  const newest = new Map<number, number>();
  const inheritance = new Map<number, number>();
  let size = 0;
  let lastId = 0;

  const drop = (line: Line): void => {
    size -= line.size;
    lines.delete(line.op);
  };
  /** Maps keep the order in which calls began. */
  const tidy = (at: number): void => {
    for (const line of lines.values()) {
      if (line.begun > at - KEPT && size <= most) return;
      drop(line);
    }
  };

  return {
    begin(partition, { name, keys, args }) {
      const begun = now();
      const op: KeptOp = { id: ++lastId, name, keys, args, number: null, after: newest.get(partition) ?? 0, answer: null };
      const line = { op, partition, begun, size: sizeOf(op) };
      lines.set(op, line);
      size += line.size;
      tidy(begun);
      return op;
    },
    done(partition, op, number, answer) {
      if (number <= (inheritance.get(partition) ?? 0)) return false;
      raise(newest, partition, number);
      op.number = number;
      op.answer = answer;
      return true;
    },
    inherited(partition, number) {
      raise(inheritance, partition, number);
      raise(newest, partition, number);
    },
    forget(op) {
      const line = lines.get(op);
      if (line !== undefined) drop(line);
    },
    partitions: () => [...new Set([...lines.values()].map(({ partition }) => partition))],
    beyond(partition, survived) {
      tidy(now());
      return [...lines.values()].flatMap((line) =>
        line.partition === partition && (line.op.number === null || line.op.number > survived) ? [line.op] : [],
      );
    },
  };
}
