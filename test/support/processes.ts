import { readdirSync, readFileSync } from "node:fs";

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const pids = (): number[] => readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** Live processes that were given a directory by their environment or command line: those of the server that works in it, and its children. */
export function processesOf(dir: string): { pid: number; command: string }[] {
  return pids().flatMap((pid) => {
    const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    const mine = pid !== process.pid && (command.includes(dir) || read(`/proc/${pid}/environ`).includes(dir));
    return mine && command !== "" ? [{ pid, command }] : [];
  });
}

/** The embedded store that works for the server of a directory. */
export function childOf(dir: string, kind: "redis" | "clickhouse"): number {
  const name = kind === "redis" ? /redis-server/ : /infra\/clickhouse\/server\.ts/;
  const found = processesOf(dir).find(({ command }) => name.test(command));
  if (found === undefined) throw new Error(`no ${kind} works for ${dir}`);
  return found.pid;
}
