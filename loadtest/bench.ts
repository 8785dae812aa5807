import { parseArgs } from "node:util";
import { chatRow } from "./bench/row-chat.ts";
import { memoryRow } from "./bench/row-memory.ts";
import { missedRow } from "./bench/row-missed.ts";
import { roomRow } from "./bench/row-room.ts";
import { holds, machine, tableOf, writeResult, type Row } from "./bench/result.ts";

/**
 * `npm run bench [-- --only a,b] [--quick]`: each row against its reference, started in the same run and measured in turn with it.
 * Prints a table, writes loadtest/results/bench-….json. Fails when a row misses its target.
 */
const { values } = parseArgs({
  options: { only: { type: "string" }, quick: { type: "boolean", default: false }, runs: { type: "string", default: "3" } },
});
const quick = values.quick;
const runs = Number(values.runs);

const table: Record<string, () => Promise<Row[]>> = {
  a: async () => [await chatRow("fsync", runs, quick ? 2 : 6), await chatRow("everysec", runs, quick ? 2 : 6)],
  b: async () => [await roomRow(runs, quick ? 2_000 : 10_000)],
  c: async () => [await memoryRow(runs, quick ? 2_000 : 5_000)],
  d: async () => [await missedRow(runs)],
};

const wanted = values.only?.split(",") ?? Object.keys(table);
const unknown = wanted.find((name) => table[name] === undefined);
if (unknown !== undefined) throw new Error(`there is no row ${unknown}: ${Object.keys(table).join(", ")}`);
const started = machine();
const rows: Row[] = [];
for (const name of wanted) {
  process.stdout.write(`row ${name} …\n`);
  rows.push(...((await table[name]?.()) ?? []));
}
const file = await writeResult(rows, started);
process.stdout.write(
  `\n${tableOf(rows)}\n\nmin / median / max of ${runs} runs; load at the start ${started.load[0]?.toFixed(2)}; ${file}\n`,
);
process.exitCode = rows.every(holds) ? 0 : 1;
