import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isStill } from "../redis/processes.ts";

/** How long a process of an earlier server, which ends when it notices that it is alone, may take (ms). */
const PATIENCE = 30_000;

/** File that names the process that has a directory. */
export const OWNER = "owner";

interface Owner {
  pid: number;
  started: string;
}

function ownerOf(file: string): Owner | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Owner;
  } catch {
    return null;
  }
}

/** Takes `dir`, made when missing, for this process; one that is dead has it no more. Rejects when a live process keeps it. */
export async function own(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, OWNER);
  const deadline = performance.now() + PATIENCE;
  for (let owner = ownerOf(file); owner !== null && owner.pid !== process.pid && (await isStill(owner)); owner = ownerOf(file)) {
    if (performance.now() > deadline)
      throw new Error(`${dir} is in use by process ${owner.pid}: stop that one, or give this one another DATA_DIR`);
    await delay(20);
  }
  const self = await identify(process.pid);
  writeFileSync(file, JSON.stringify({ pid: process.pid, started: self?.started ?? "" }), { mode: 0o600 });
}
