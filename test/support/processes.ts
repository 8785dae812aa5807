import { readdirSync, readFileSync } from "node:fs";
import { until } from "./until.ts";
import type { World } from "./world.ts";

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

/** SIGSTOP. Resolves when each thread has stopped: some may still answer for a moment after the signal. */
export async function halt(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const stats = () => readdirSync(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/stat`));
  await until(
    () => stats().every((stat) => stat === "" || stat.slice(stat.lastIndexOf(")") + 2).startsWith("T")),
    20_000,
    () => `all threads of ${pid} to stop`,
  );
}

/** Waits until none of them is left. */
export const allEnded = (dir: string): Promise<void> =>
  until(
    () => processesOf(dir).length === 0,
    20_000,
    () => `the end of ${JSON.stringify(processesOf(dir))}`,
  );

/** The embedded store that works for the server of a directory; waits for one that is being started again. */
export async function childOf(dir: string, kind: "redis" | "clickhouse" | "graph"): Promise<number> {
  const name = kind === "redis" ? /redis-server/ : new RegExp(`infra/${kind}/server\\.ts`);
  const find = () => processesOf(dir).find(({ command }) => name.test(command));
  await until(
    () => find() !== undefined,
    20_000,
    () => `a ${kind} that works for ${dir}`,
  );
  return find()?.pid ?? 0;
}

/** The Redis that works for a world, or the masters of its cluster as of the start. */
export async function redisesOf({ dir, cluster }: Pick<World, "dir" | "cluster">): Promise<number[]> {
  return cluster === null ? [await childOf(dir, "redis")] : cluster.nodes.slice(0, 3).map((node) => node.pid());
}

/** The workers of a server with PROCESSES above 1, whose steward is the pid given. */
export function workersOf(dir: string, steward: number): number[] {
  return processesOf(dir).flatMap(({ pid, command }) => (pid !== steward && /services\/main\.ts/.test(command) ? [pid] : []));
}
