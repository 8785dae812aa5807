import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A process that can be told from a later one with the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in words that only compare. */
  started: string;
  /** Its command line, arguments separated by NUL (Linux) or spaces. */
  command: string;
}

/** The live process `pid`, or `null` if there is none (or only its unreaped remains). */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  return process.platform === "linux" ? await identifyFromProc(pid) : await identifyFromPs(pid);
}

async function identifyFromProc(pid: number): Promise<ProcessIdentity | null> {
  try {
    const [stat, command, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/cmdline`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    ]);
    // The name in parentheses may hold spaces; after it come the state (field 3) and, as field 22, the start in ticks since boot.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startedAt] = [fields[0], fields[19]];
    if (state === "Z" || state === "X" || startedAt === undefined) return null;
    return { pid, started: `${boot.trim()} ${startedAt}`, command };
  } catch {
    return null;
  }
}

async function identifyFromPs(pid: number): Promise<ProcessIdentity | null> {
  try {
    const [started, command] = await Promise.all(["lstart=", "command="].map((column) => run("ps", ["-p", String(pid), "-o", column])));
    return { pid, started: started?.stdout.trim() ?? "", command: command?.stdout.trim() ?? "" };
  } catch {
    return null;
  }
}

/** Ends a process that is not our child: SIGTERM, and SIGKILL when it is still there after `graceMs`. Resolves once it is gone. */
export async function endProcess(target: ProcessIdentity, graceMs: number): Promise<void> {
  const deadline = performance.now() + graceMs;
  signal(target.pid, "SIGTERM");
  // A stopped process hears SIGTERM only when it goes on.
  signal(target.pid, "SIGCONT");
  while (await isStill(target)) {
    if (performance.now() > deadline) signal(target.pid, "SIGKILL");
    await delay(10);
  }
}

/** Whether the process is alive and not another one under its pid. */
export async function isStill(target: Pick<ProcessIdentity, "pid" | "started">): Promise<boolean> {
  const now = await identify(target.pid);
  return now !== null && now.started === target.started;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
