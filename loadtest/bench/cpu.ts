import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks of /proc a second. */
const TICKS = 100;

function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

const nameOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
};

/** CPU time that the threads of a process which are still there have used, in seconds: to the nanosecond. */
function cpuOfThreads(pid: number): number {
  const timeOf = (thread: string): number => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0;
    }
  };
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + timeOf(thread), 0) / 1e9;
  } catch {
    return 0;
  }
}

/** CPU time a process has used so far, in seconds; to a hundredth where threads of it have ended. Linux only; 0 elsewhere. */
export function cpuOf(pid: number): number {
  const stat = statOf(pid);
  return Math.max((Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) / TICKS, cpuOfThreads(pid));
}

/** The process and what it started, by pid. */
export function treeOf(pid: number): Map<number, string> {
  const tree = new Map<number, string>();
  for (const queue = [pid]; queue.length > 0;) {
    const one = queue.pop() as number;
    tree.set(one, nameOf(one));
    queue.push(...childrenOf(one));
  }
  return tree;
}

/** The Redis below a server; 0 if there is none. */
export const redisBelow = (pid: number): number => [...treeOf(pid)].find(([, name]) => name.startsWith("redis-server"))?.[0] ?? 0;

/** Resident memory in bytes. */
export function residentOf(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1] ?? 0);
  return pages * 4_096;
}
