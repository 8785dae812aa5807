import type { LogRun } from "#shared/log/port.ts";
import { parseRecord, type OutboxRecord } from "#shared/wire/record.ts";

/** A record with its place in the outbox: digits that rise along a partition; none for an entry, which has its seq. */
export interface Placed {
  record: OutboxRecord;
  ordinal: string;
}

/** The records of a batch of the log, in order. */
export function placedOf(runs: readonly LogRun[]): Placed[] {
  const placed: Placed[] = [];
  for (const { id, first, lines } of runs) {
    const [ms = "", n = ""] = id.split("-");
    for (const [i, line] of lines.entries()) {
      const record = parseRecord(line);
      const ordinal = record.type === "entry" ? "" : `${ms}${n.padStart(6, "0")}${String(first + i).padStart(5, "0")}`;
      placed.push({ record, ordinal });
    }
  }
  return placed;
}
