import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endProcess, identify, isStill, type ProcessIdentity } from "../redis/processes.ts";
import type { StackPart, StackProcess } from "./part.ts";

/** What is kept of a part in its directory, while it runs and after. */
interface Kept {
  settings: Record<string, string>;
  /** Empty when it has been brought down. */
  processes: ProcessIdentity[];
}

const START_MS = 180_000;
const GRACE_MS = 20_000;

const file = (dir: string): string => join(dir, "stack.json");
const keep = (dir: string, kept: Kept): void => writeFileSync(file(dir), JSON.stringify(kept), { mode: 0o600 });

function readKept(dir: string): Kept | null {
  try {
    return JSON.parse(readFileSync(file(dir), "utf8")) as Kept;
  } catch {
    return null;
  }
}

/** Pids and settings of a part, and whether it answers. */
export interface Status {
  pids: number[];
  settings: Record<string, string> | null;
  answers: boolean;
}

export async function status(part: StackPart, dir: string): Promise<Status> {
  const kept = readKept(dir);
  const alive = await Promise.all((kept?.processes ?? []).map(async (one) => ((await isStill(one)) ? [one.pid] : [])));
  const pids = alive.flat();
  const settings = kept?.settings ?? null;
  const answers = settings !== null && pids.length > 0 && (await answering(part, settings));
  return { pids, settings, answers };
}

const answering = (part: StackPart, settings: Record<string, string>): Promise<boolean> =>
  part.answers(settings).then(
    () => true,
    () => false,
  );

/** Starts a part that does not run, and waits until it answers. Rejects with the end of its log when it does not; then nothing of it is left running. */
export async function up(part: StackPart, dir: string, say: (words: string) => void): Promise<Status> {
  const now = await status(part, dir);
  if (now.answers) return now;
  await down(dir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { processes, settings } = await part.prepare(dir, now.settings, say);
  const log = join(dir, "log");
  writeFileSync(log, "", { mode: 0o600 });
  const started = await Promise.all(processes.map((one) => start(one, log)));
  keep(dir, { settings, processes: started });
  const deadline = performance.now() + START_MS;
  while (!(await answering(part, settings))) {
    const alive = await Promise.all(started.map((one) => isStill(one)));
    if (!alive.every(Boolean) || performance.now() > deadline) {
      await down(dir);
      throw new Error(`it did not start, the end of ${log} says why:\n${readFileSync(log, "utf8").slice(-2_000)}`);
    }
    await delay(200);
  }
  return await status(part, dir);
}

async function start({ program, args, env }: StackProcess, log: string): Promise<ProcessIdentity> {
  const out = openSync(log, "a", 0o600);
  const child = spawn(program, args, { detached: true, env: { ...process.env, ...env }, stdio: ["ignore", out, out] });
  child.once("error", () => undefined);
  child.unref();
  const identity = child.pid === undefined ? null : await identify(child.pid);
  if (identity === null) throw new Error(`${program} could not be started`);
  return identity;
}

/** Ends what runs of a part; its data and settings stay. */
export async function down(dir: string): Promise<number[]> {
  const kept = readKept(dir);
  if (kept === null) return [];
  const ended: number[] = [];
  for (const one of kept.processes) {
    if (!(await isStill(one))) continue;
    await endProcess(one, GRACE_MS);
    ended.push(one.pid);
  }
  keep(dir, { ...kept, processes: [] });
  return ended;
}
