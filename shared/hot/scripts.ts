import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Script {
  name: string;
  source: string;
  sha: string;
}

const directory = join(import.meta.dirname, "lua");

/** The scripts of the hot tier, by file name. */
export const scriptNames = [
  "adopt",
  "advance",
  "attach",
  "audience",
  "bar",
  "between",
  "claim",
  "commit",
  "concerned",
  "contribute",
  "create",
  "deliver",
  "ends",
  "facts",
  "fence",
  "fill",
  "history",
  "inboxes",
  "join",
  "lease",
  "leave",
  "listed",
  "mixer",
  "mode",
  "newest",
  "pointers",
  "ranges",
  "reach",
  "read",
  "recipients",
  "relate",
  "standings",
  "succeed",
  "timeline",
  "trim-inbox",
  "trim-mailbox",
  "unread",
  "update",
  "view",
  "waiting",
] as const;
export type ScriptName = (typeof scriptNames)[number];

/**
 * Reads one script: its header must say its keys, arguments and result, and each `--@include name` line becomes the text of `name.inc.lua`.
 * Throws on a missing file, header or include.
 */
export function loadScript(name: string, from: string = directory): Script {
  const text = readFileSync(join(from, `${name}.lua`), "utf8");
  const header = text.startsWith("--[[") ? text.slice(0, text.indexOf("]]")) : "";
  for (const part of ["KEYS", "ARGV", "returns"]) {
    if (!header.includes(`\n  ${part} `)) throw new Error(`${name}.lua: its header must have a line for ${part}`);
  }
  const source = text.replace(/^--@include (\S+)$/gm, (_, included: string) => readFileSync(join(from, `${included}.inc.lua`), "utf8"));
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}

/** All scripts. Throws when a declared one has no file, or a file is not declared. */
export function loadScripts(from: string = directory): Record<ScriptName, Script> {
  const files = readdirSync(from).filter((file) => file.endsWith(".lua") && !file.endsWith(".inc.lua"));
  const undeclared = files.find((file) => !scriptNames.includes(file.slice(0, -4) as ScriptName));
  if (undeclared !== undefined) throw new Error(`${undeclared} is not in scriptNames`);
  return Object.fromEntries(scriptNames.map((name) => [name, loadScript(name, from)])) as Record<ScriptName, Script>;
}
