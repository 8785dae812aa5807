import { compareStreamIds } from "#shared/hot/progress.ts";
import type { KafkaMessage } from "./kafka.ts";
import type { LogRun } from "./port.ts";

/** A run as it is carried through Kafka, where an entry of the outbox is one message for each conversation that follows another in it. */
export interface Carried extends LogRun {
  /** True if the entry ends with it. */
  last: boolean;
}

/** Partition of a topic that carries a partition of the outbox: always the same, so that order holds. */
export const carrierOf = (partition: number, partitions: number): number => partition % partitions;

/**
 * The messages of an entry. The key is the conversation; the header `at` says "partition id first last" of the outbox, which is how repeats are known.
 * @param partitions of the topic
 */
export function messagesOf({ partition, id, lines }: LogRun, partitions: number): KafkaMessage[] {
  const messages: KafkaMessage[] = [];
  for (let from = 0; from < lines.length;) {
    const key = conversationOf(lines[from] ?? "");
    let to = from + 1;
    while (to < lines.length && conversationOf(lines[to] ?? "") === key) to++;
    const at = `${partition} ${id} ${from} ${to === lines.length ? 1 : 0}`;
    messages.push({ partition: carrierOf(partition, partitions), key, value: lines.slice(from, to).join("\n"), headers: { at } });
    from = to;
  }
  return messages;
}

const conversationOf = (line: string): string => line.slice(2, line.indexOf(" ", 2));

export function carriedOf({ value, headers }: KafkaMessage): Carried {
  const [partition = "", id = "", first = "", last = ""] = (headers["at"] ?? "").split(" ");
  if (!/^\d+-\d+$/.test(id)) throw new Error(`a message without its place in the outbox: the topic has another writer than Tributary`);
  return { partition: Number(partition), id, first: Number(first), lines: value.split("\n"), last: last === "1" };
}

/** How far a reader has come in a partition. A relay that went on after a crash repeats what it had not noted: that is passed over. */
export class Reached {
  /** The last entry of which all was taken. */
  id: string;
  #open = "";
  #lines = 0;

  constructor(id: string) {
    this.id = id;
  }

  copy(): Reached {
    const same = new Reached(this.id);
    same.#open = this.#open;
    same.#lines = this.#lines;
    return same;
  }

  /** False for what was taken before. */
  take(run: Carried): boolean {
    if (compareStreamIds(run.id, this.id) <= 0) return false;
    const next = run.id === this.#open ? this.#lines : 0;
    if (run.first < next) return false;
    if (run.last) this.id = run.id;
    this.#open = run.id;
    this.#lines = run.first + run.lines.length;
    return true;
  }
}
