import { parseArgs } from "node:util";
import { archiveRows } from "./bench/row-archive.ts";
import { chatRows } from "./bench/row-chat.ts";
import { connectRows } from "./bench/row-connect.ts";
import { copiedRows } from "./bench/row-copied.ts";
import { feedsRows } from "./bench/row-feeds.ts";
import { graphRows } from "./bench/row-graph.ts";
import { groupRows } from "./bench/row-group.ts";
import { growthRows } from "./bench/row-growth.ts";
import { historyRows } from "./bench/row-history.ts";
import { kafkaRows } from "./bench/row-kafka.ts";
import { listRows } from "./bench/row-list.ts";
import { memoryRows } from "./bench/row-memory.ts";
import { missedRows } from "./bench/row-missed.ts";
import { processesRows } from "./bench/row-processes.ts";
import { relationsRows } from "./bench/row-relations.ts";
import { roomRows } from "./bench/row-room.ts";
import { timelineRows } from "./bench/row-timeline.ts";
import { writePictures } from "./bench/picture.ts";
import { compared, machine, readReport, writeReport } from "./bench/report.ts";
import { holds, type Effort, type Row } from "./bench/row.ts";
import { tableOf } from "./bench/table.ts";

/**
 * `npm run bench [-- --only a,b] [--runs 3] [--quick] [--compare base.json] [--pictures dir]`: each row beside its references, started in the same run and measured
 * in turn with it. Prints a table, writes loadtest/results/bench-….json. Fails when a median misses its target.
 */
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    runs: { type: "string", default: "3" },
    compare: { type: "string" },
    pictures: { type: "string" },
  },
});
const effort: Effort = { runs: Number(values.runs), quick: values.quick };

const table: Record<string, (effort: Effort) => Promise<Row[]>> = {
  a: chatRows,
  b: groupRows,
  b2: copiedRows,
  c: roomRows,
  d: connectRows,
  e: missedRows,
  memory: memoryRows,
  timeline: timelineRows,
  list: listRows,
  history: historyRows,
  relations: relationsRows,
  processes: processesRows,
  kafka: kafkaRows,
  archive: archiveRows,
  growth: growthRows,
  feeds: feedsRows,
  graph: graphRows,
};

async function main(): Promise<void> {
  const wanted = values.only?.split(",") ?? Object.keys(table);
  const unknown = wanted.find((name) => table[name] === undefined);
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}: ${Object.keys(table).join(", ")}`);
  const before = values.compare === undefined ? null : await readReport(values.compare);
  const started = machine();
  const rows: Row[] = [];
  for (const name of wanted) {
    process.stdout.write(`row ${name} …\n`);
    rows.push(...((await table[name]?.(effort)) ?? []));
    await writeReport(rows, started);
  }
  const file = await writeReport(rows, started);
  process.stdout.write(
    `\n${tableOf(rows)}\n\nmin / median / max of ${effort.runs} runs; load at the start ${started.load[0]?.toFixed(2)}; ${file}\n`,
  );
  if (before !== null) process.stdout.write(`\n${compared(before, rows)}\n`);
  if (values.pictures !== undefined) process.stdout.write(`\n${(await writePictures(rows, values.pictures)).join("\n")}\n`);
  process.exitCode = rows.every(holds) ? 0 : 1;
}

await main();
