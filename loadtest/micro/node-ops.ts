import { textFrame } from "#services/gateway/frame.ts";
import { json } from "#services/gateway/json-encoding.ts";
import { checkParams } from "#services/gateway/params.ts";
import { protobuf } from "#services/gateway/protobuf-encoding.ts";
import { readJsonFrame } from "#services/gateway/protocol.ts";
import { choose, type Head, type Lane } from "#services/timeline/mixer-merge.ts";
import { addInbox, addMessage } from "#shared/cold/encode.ts";
import { RowBlock } from "#shared/cold/row-block.ts";
import { eventJson, parseEntry } from "#shared/wire/entry.ts";
import { parsePointer } from "#shared/wire/pointer.ts";
import { parseRecord } from "#shared/wire/record.ts";
import { toRow } from "#shared/wire/rows.ts";
import type { Op } from "./measure.ts";
import { command, entry, entryText, inboxRow, messageRow, params, pointer, record } from "./samples.ts";

const line = json.publication("inbox:ann", eventJson(entry), 123_456) as string;
const frame = Buffer.from(command);
const rowText = JSON.stringify(messageRow);
const inboxText = JSON.stringify(inboxRow);
const entryObject = JSON.parse(`{${entry.fields}}`) as object;
const pointerFields = parsePointer(pointer);
const recordText = JSON.stringify(parseRecord(record));
const pointerText = JSON.stringify(pointerFields);

/** Rows of one block; a new block a run, as the archive makes them. */
const ROWS = 1_000;

function blockOf<Row>(add: (block: RowBlock, row: Row) => void, row: Row): RowBlock {
  const block = new RowBlock();
  for (let i = 0; i < ROWS; i++) add(block, row);
  return block;
}

const encode: Op[] = [
  { name: "textFrame", bytes: line.length, run: () => textFrame(line) },
  { name: "publication + eventJson", bytes: line.length, run: () => json.publication("inbox:ann", eventJson(entry), 123_456) },
  { name: "publication in Protobuf", bytes: line.length, run: () => protobuf.publication("inbox:ann", eventJson(entry), 123_456) },
  { name: "JSON.stringify of the message", reference: true, bytes: line.length, run: () => JSON.stringify(entryObject) },
  { name: "toRow", bytes: entryText.length, run: () => toRow(entry, 2, "write") },
  { name: "RowBlock addMessage", things: ROWS, bytes: blockOf(addMessage, messageRow).bytes, run: () => blockOf(addMessage, messageRow) },
  { name: "JSON.stringify of the row", reference: true, bytes: rowText.length, run: () => JSON.stringify(messageRow) },
  { name: "RowBlock addInbox", things: ROWS, bytes: blockOf(addInbox, inboxRow).bytes, run: () => blockOf(addInbox, inboxRow) },
  { name: "JSON.stringify of the inbox row", reference: true, bytes: inboxText.length, run: () => JSON.stringify(inboxRow) },
];

const decode: Op[] = [
  { name: "readJsonFrame of message.send", bytes: frame.length, run: () => readJsonFrame(frame).next().value },
  { name: "JSON.parse of the same", reference: true, bytes: frame.length, run: () => JSON.parse(frame.toString("utf8")) as unknown },
  { name: "parseRecord", bytes: record.length, run: () => parseRecord(record) },
  { name: "JSON.parse of the record", reference: true, bytes: recordText.length, run: () => JSON.parse(recordText) as unknown },
  { name: "parsePointer", bytes: pointer.length, run: () => parsePointer(pointer) },
  { name: "JSON.parse of the pointer", reference: true, bytes: pointerText.length, run: () => JSON.parse(pointerText) as unknown },
  { name: "parseEntry", bytes: entryText.length, run: () => parseEntry(entry.conversationId, entry.seq, entryText) },
  {
    name: "JSON.parse of the entry's fields",
    reference: true,
    bytes: entry.fields.length,
    run: () => JSON.parse(`{${entry.fields}}`) as unknown,
  },
];

/** Lanes as the mixer reads them: heads newest first, more behind them. */
function lanesOf(count: number, heads: number): Lane[] {
  return Array.from({ length: count }, (_, lane) => ({
    heads: Array.from({ length: heads }, (_unused, i): Head => {
      const key = String(7_312_345_678_901_234_567n - BigInt(i * count + lane));
      return {
        source: lane === 0 ? "inbox" : "mailbox",
        key,
        conversationId: String(1_000 + lane),
        seq: 1_000 - i,
        offset: lane === 0 ? 1_000 - i : 0,
      };
    }),
    bound: null,
  }));
}
const PAGE = 50;
const merge: Op[] = [1, 10, 200].map((count) => {
  const lanes = lanesOf(count, Math.ceil((PAGE * 2) / count) + 2);
  return {
    name: `a page of ${PAGE} from ${count} ${count === 1 ? "lane" : "lanes"}, a message`,
    things: PAGE,
    run: () => choose(lanes, PAGE),
  };
});
const sorted = lanesOf(1, PAGE * 2).flatMap(({ heads }) => heads.map(({ seq }) => seq));
merge.push({ name: "toSorted of as many numbers", reference: true, things: PAGE, run: () => sorted.toSorted((a, b) => a - b) });

const check: Op[] = [
  { name: "checkParams of message.send", bytes: command.length, run: () => checkParams("message.send", params, command.length) },
  { name: "JSON.parse of the same", reference: true, bytes: command.length, run: () => JSON.parse(command) as unknown },
];

/** What Node does for a message, by part. */
export const nodeOps: Record<string, readonly Op[]> = { encode, decode, merge, check };
