import { existsSync, readFileSync, truncateSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Logged } from "#shared/graph/cypher.ts";

/** The transactions since a snapshot: a line each, on disk before anybody is told of them. */
export interface Journal {
  /** Bytes in it. */
  size(): number;
  /** Resolves when the disk has it. */
  append(transaction: readonly Logged[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens a journal behind its last whole line, made when missing. */
export async function openJournal(file: string): Promise<Journal> {
  if (existsSync(file)) truncateSync(file, wholeLines(readFileSync(file)));
  const handle: FileHandle = await open(file, "a", 0o600);
  let { size } = await handle.stat();
  return {
    size: () => size,
    async append(transaction) {
      const line = Buffer.from(`${JSON.stringify(transaction)}\n`);
      await handle.appendFile(line);
      await handle.datasync();
      size += line.length;
    },
    close: () => handle.close(),
  };
}

const wholeLines = (bytes: Buffer): number => bytes.lastIndexOf("\n") + 1;

/** What the transactions of a journal left of each pair, by key; a line that was cut off is of a transaction that nobody was told of. */
export function readJournal(file: string): Map<string, Logged> {
  const last = new Map<string, Logged>();
  if (!existsSync(file)) return last;
  const bytes = readFileSync(file);
  for (let from = 0, to = bytes.indexOf("\n"); to >= 0; from = to + 1, to = bytes.indexOf("\n", from))
    for (const logged of JSON.parse(bytes.toString("utf8", from, to)) as Logged[]) last.set(logged.key, logged);
  return last;
}
