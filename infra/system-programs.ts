import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of a program, if it is on PATH. */
export function onPath(program: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder === "" ? "." : folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}

/** Runs a program to its end. Rejects with `failure` and what it wrote, unless it ended well. */
export async function runProgram(
  program: string,
  args: readonly string[],
  failure: string,
  env: Record<string, string> = {},
): Promise<void> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => chunks.push(text));
  child.once("error", (error) => chunks.push(error.message));
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`${failure}. ${program} says:\n${chunks.join("").slice(-4_000)}`);
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync("/etc/os-release", "utf8")) && onPath("apt-get") !== null;
  } catch {
    return false;
  }
}

/**
 * Makes sure that programs are there: on Debian and its kin their packages are installed, as root; elsewhere it rejects with a sentence that says what to do.
 * @param programs each with the Debian package that has it
 */
export async function ensurePrograms(programs: Readonly<Record<string, string>>, say: (words: string) => void): Promise<void> {
  const missing = Object.keys(programs).filter((program) => onPath(program) === null);
  if (missing.length === 0) return;
  const packages = missing.map((program) => programs[program] ?? program);
  if (!isDebian()) throw new Error(`${missing.join(" and ")} must be installed, with the package manager of this system`);
  if (process.getuid?.() !== 0)
    throw new Error(`${missing.join(" and ")} must be installed: run \`sudo apt-get install ${packages.join(" ")}\``);
  say(`installing ${packages.join(", ")} (apt-get) …`);
  const quiet = { DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-q"], { env: { ...process.env, ...quiet }, stdio: "ignore" });
  await runProgram(
    "apt-get",
    ["install", "-y", "-q", "--no-install-recommends", ...packages],
    `${packages.join(", ")} could not be installed`,
    quiet,
  );
}
