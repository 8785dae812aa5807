import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { digits, padded } from "./bench/table.ts";
import { measure, type Figure } from "./micro/measure.ts";
import { nodeOps } from "./micro/node-ops.ts";
import { redisFigures } from "./micro/redis-ops.ts";

/**
 * `npm run micro [-- --json file] [--compare file]`: what the hot functions take, in one process after a warm-up, and the hot scripts in a Redis of
 * their own; each beside a plain way to do about the same. `--compare` shows an earlier file's figures and the ratio.
 */
const { values } = parseArgs({ options: { json: { type: "string" }, compare: { type: "string" } } });

const before = values.compare === undefined ? [] : (JSON.parse(await readFile(values.compare, "utf8")) as Figure[]);
const figures: Figure[] = [];
for (const [group, ops] of Object.entries(nodeOps)) for (const op of ops) figures.push(measure(group, op));
await redisFigures((figure) => figures.push(figure));

const heads = ["", "min", "median", "max", "", "MB/s", "commands", ...(before.length === 0 ? [] : ["before", "now / before"])];
for (const [group, some] of Map.groupBy(figures, (figure) => figure.group)) {
  const lines = padded([heads, ...some.map(cellsOf)]);
  process.stdout.write(`\n${group}\n${lines.join("\n")}\n`);
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);

function cellsOf({ group, name, reference, unit, min, median, max, mbPerSecond, commands }: Figure): string[] {
  const old = before.find((figure) => figure.group === group && figure.name === name);
  const compared = old === undefined ? ["", ""] : [digits(old.median), `${(median / old.median).toFixed(2)} ×`];
  return [
    `${reference ? "  against " : ""}${name}`,
    digits(min),
    digits(median),
    digits(max),
    unit,
    mbPerSecond === null ? "" : digits(mbPerSecond),
    commands === null ? "" : digits(commands),
    ...(before.length === 0 ? [] : compared),
  ];
}
