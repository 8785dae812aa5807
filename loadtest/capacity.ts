import { parseArgs } from "node:util";
import { loads } from "./capacity/figures.ts";
import type { Load } from "./capacity/model.ts";
import { capacityTable } from "./capacity/page.ts";

/** `npm run capacity [-- --messages 20000 --copies 8 …]`: what a load takes; what is not set is as in the first column of docs/capacity.md. */
const [first] = loads as [Load, ...Load[]];
const names = Object.keys(first).filter((name) => name !== "name") as Exclude<keyof Load, "name">[];

function loadOf(args: string[]): Load | null {
  const options = Object.fromEntries([...names, "help"].map((name) => [name, { type: name === "help" ? "boolean" : "string" } as const]));
  const { values } = parseArgs({ args, options });
  if (values["help"] === true) return null;
  const load: Load = { ...first, name: "your load" };
  for (const name of names) {
    if (values[name] === undefined) continue;
    load[name] = Number(values[name]);
    if (!(load[name] >= 0)) throw new Error(`--${name} must be a number of 0 or more, not ${String(values[name])}`);
  }
  return load;
}

const load = loadOf(process.argv.slice(2));
process.stdout.write(load === null ? `${names.map((name) => `--${name} ${first[name]}`).join("\n")}\n` : `${capacityTable([load])}\n`);
