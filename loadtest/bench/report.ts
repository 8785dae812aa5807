import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { holds, judged, ratios, spread, type Row } from "./row.ts";
import { digits, padded } from "./table.ts";

/** Where it ran. */
export function machine() {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const output = (file: string, ...args: string[]) => execFileSync(file, args, { encoding: "utf8" }).trim();
  return {
    at: new Date().toISOString(),
    commit: output("git", "-C", import.meta.dirname, "rev-parse", "--short", "HEAD"),
    node: process.version,
    redis: /v=(\S+)/.exec(output("redis-server", "--version"))?.[1] ?? "",
    ws: dependencies["ws"],
    ioredis: dependencies["ioredis"],
    chdb: dependencies["chdb"],
    centrifuge: /centrifuge (v\S+)/.exec(readFileSync(join(import.meta.dirname, "../peer/go.mod"), "utf8"))?.[1] ?? "",
    kernel: release(),
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg(),
  };
}
export type Machine = ReturnType<typeof machine>;

/** What a run of the bench leaves: loadtest/results/bench-….json. */
export interface Report {
  machine: Machine;
  loadAtEnd: number[];
  rows: Row[];
}

/** Writes the rows with the machine's facts; returns the file. */
export async function writeReport(rows: readonly Row[], started: Machine): Promise<string> {
  const dir = join(import.meta.dirname, "../results");
  await mkdir(dir, { recursive: true });
  const file = join(dir, `bench-${started.at.replaceAll(/[:.]/g, "-")}.json`);
  const full = rows.map((row) => ({
    ...row,
    references: row.references.map((reference) => ({ ...reference, ratio: spread(ratios(row, reference)) })),
    holds: holds(row),
  }));
  await writeFile(file, `${JSON.stringify({ machine: started, loadAtEnd: loadavg(), rows: full }, null, 2)}\n`);
  return file;
}

export async function readReport(file: string): Promise<Report> {
  return JSON.parse(await readFile(file, "utf8")) as Report;
}

/**
 * Before and after, figure by figure. A figure is compared as it is judged: as a multiple of its reference where it has one, for a machine is
 * never as fast as it was.
 */
export function compared(before: Report, rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => {
    const old = before.rows.find(({ row: id, name }) => id === row.row && name === row.name);
    if (old === undefined) return [];
    const [was, is] = [spread(comparable(old)).median, spread(comparable(row)).median];
    return [[`${row.row} ${row.name}`, unitOf(row), digits(was), digits(is), `${(is / was).toFixed(2)} ×`]];
  });
  if (lines.length === 0) return "nothing to compare: the other file has none of these figures";
  const heading = `against ${before.machine.commit} of ${before.machine.at}`;
  return [heading, ...padded([["figure", "unit", "before", "after", "after / before"], ...lines])].join("\n");
}

/** Where the target is no multiple, the first reference still tells how fast the machine was. */
const comparable = (row: Row): number[] => {
  const [first] = row.references;
  if (row.target?.against !== undefined) return judged(row);
  return first === undefined ? row.ours : ratios(row, first);
};
const unitOf = (row: Row): string => {
  const against = row.target?.against ?? row.references[0]?.name;
  return against === undefined ? row.unit : `× ${against}`;
};
