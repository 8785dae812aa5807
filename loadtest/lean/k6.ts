import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onPath } from "#infra/system-programs.ts";

/** The k6 that the scenarios were written for and are run with where no other is installed. */
const VERSION = "v1.8.1";

const root = join(import.meta.dirname, "../..");
const scenarios = join(root, "loadtest/k6");
const own = join(root, ".cache/k6");

/** The scenarios by name, each with its line of description: the first comment of its file. */
export function scenarioLines(): Map<string, string> {
  const files = readdirSync(scenarios).filter((file) => file.endsWith(".ts"));
  return new Map(
    files.toSorted().map((file) => {
      const [, line = ""] = /^\/\*\* (.+?) \*\//.exec(readFileSync(join(scenarios, file), "utf8")) ?? [];
      return [file.slice(0, -3), line];
    }),
  );
}

/** Whether this k6 runs TypeScript by itself, as every one from 1 on does. */
function runsTypeScript(k6: string): boolean {
  const { stdout } = spawnSync(k6, ["version"], { encoding: "utf8" });
  return Number(/v(\d+)\./.exec(stdout)?.[1] ?? 0) >= 1;
}

/** Path of a k6: the one on PATH, the one built before, or one built now, which takes about two minutes. Throws a sentence where it can't be built. */
export async function ensureK6(say: (words: string) => void): Promise<string> {
  const installed = onPath("k6");
  if (installed !== null && runsTypeScript(installed)) return installed;
  const built = join(own, "k6");
  if (existsSync(built)) return built;
  const lacking = installed === null ? "there is neither k6 nor go" : `${installed} is older than k6 1 and there is no go`;
  if (onPath("go") === null) throw new Error(`${lacking}: install k6 (https://k6.io), or Go, with which it is built here.`);
  say(`building k6 ${VERSION} with go, which takes about two minutes the first time …`);
  mkdirSync(own, { recursive: true });
  const child = spawn("go", ["install", `go.k6.io/k6@${VERSION}`], {
    env: { ...process.env, GOBIN: own },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const chunks: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`k6 could not be built: install k6 ${VERSION} by hand (https://k6.io). Go says:\n${chunks.join("")}`);
  return built;
}

/** Runs a scenario; `settings` are its LOAD_… variables. Resolves with k6's exit code and what it wrote, when that was asked for. */
export async function runScenario(
  k6: string,
  scenario: string,
  settings: Record<string, string>,
  { more = [], quiet = false }: { more?: readonly string[]; quiet?: boolean } = {},
): Promise<{ code: number; output: string }> {
  const args = ["run", "--no-usage-report", ...(quiet ? ["--quiet"] : []), ...more, join(scenarios, `${scenario}.ts`)];
  const child = spawn(k6, args, {
    cwd: root,
    // Without this k6 looks on the network for extensions that a script might need.
    env: { ...process.env, K6_AUTO_EXTENSION_RESOLUTION: "false", ...settings },
    stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, output: chunks.join("") };
}
