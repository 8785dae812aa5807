import { createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { randomUUID } from "node:crypto";
import { ClickHouseError } from "./errors.ts";
import { type InsertHead, insertHead } from "./statement.ts";
import { tokensOf } from "./tokens.ts";

/** A statement that came in whole: its text, and for an INSERT with data the file that holds the data in the clear. */
export interface Statement {
  text: string;
  data: { head: InsertHead; file: string } | null;
}

const HEAD_BYTES = 256 * 1024;

const isInsert = (text: string): boolean => {
  const [first] = tokensOf(text.slice(0, 4096));
  return first?.text === "insert";
};

const utf8 = (latin: string): string => Buffer.from(latin, "latin1").toString("utf8");

async function* behind(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Puts the data of an INSERT into a file: it is there in full before the engine begins, so a client that goes away inserts nothing. */
const spool = async (head: InsertHead, known: Buffer, rest: AsyncIterator<Buffer>, dir: string): Promise<Statement> => {
  const file = join(dir, randomUUID());
  await pipeline(behind(known.subarray(head.dataStart), rest), createWriteStream(file));
  const decodedHead = { ...head, target: utf8(head.target), settings: utf8(head.settings), format: utf8(head.format) };
  return { text: utf8(known.subarray(0, head.dataStart).toString("latin1")), data: { head: decodedHead, file } };
};

/**
 * Takes in a statement: `text` and then the body. Data of an INSERT goes to a file below `dir`, of any size; other statements are
 * held in memory, at most `limit` bytes.
 * @throws ClickHouseError 229 for a longer statement; the body's own error when the client goes away
 */
export const takeStatement = async (text: string, body: Readable, dir: string, limit: number): Promise<Statement> => {
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  let known = Buffer.from(text, "utf8");
  let complete = false;
  while (true) {
    const latin = known.toString("latin1");
    const head = known.length > 0 && isInsert(latin) ? insertHead(latin.slice(0, HEAD_BYTES), complete) : "more";
    if (head !== "more" && head !== null) return spool(head, known, chunks, dir);
    if (complete) return { text: known.toString("utf8"), data: null };
    if (known.length > limit) throw new ClickHouseError(229, "QUERY_IS_TOO_LARGE", `Query is larger than ${limit} bytes`);
    known = Buffer.concat([known, ...(await nextPart(chunks, known.length))]);
    complete = known.length === 0 || ended.has(chunks);
  }
};

const ended = new WeakSet<AsyncIterator<Buffer>>();

/** The next chunks, at least as many bytes as there are already, so that a long text is joined a few times only. */
const nextPart = async (chunks: AsyncIterator<Buffer>, wanted: number): Promise<Buffer[]> => {
  const part: Buffer[] = [];
  let bytes = 0;
  while (bytes < Math.max(wanted, 1) || bytes < 65_536) {
    const next = await chunks.next();
    if (next.done === true) {
      ended.add(chunks);
      break;
    }
    part.push(next.value);
    bytes += next.value.length;
  }
  return part;
};
