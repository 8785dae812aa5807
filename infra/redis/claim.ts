import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endProcess, identify, isStill } from "./processes.ts";

/** What `redis.pid` holds: the server process that owns the directory, and the Redis it started there. */
interface Claim {
  owner: { pid: number; started: string };
  redis: number | null;
}

/** The right to run a Redis in one directory, kept in its `redis.pid`. */
export interface DirectoryClaim {
  /** Notes the pid of the Redis just started, for whoever comes after a crash of this process. */
  note(redisPid: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * Claims `dir` for this process. A Redis that a dead owner left behind is ended first: it is known by the pid in the file and by `confPath` in
 * its command line. Throws when a live process owns the directory, this one included.
 */
export async function claimDirectory(dir: string, confPath: string, graceMs: number): Promise<DirectoryClaim> {
  const path = join(dir, "redis.pid");
  const self = await identify(process.pid);
  const owner = { pid: process.pid, started: self?.started ?? "" };
  await takeOver(path, dir, confPath, graceMs);
  await write(path, { owner, redis: null });
  return {
    note: async (redisPid) => await write(path, { owner, redis: redisPid }),
    release: async () => await rm(path, { force: true }),
  };
}

async function takeOver(path: string, dir: string, confPath: string, graceMs: number): Promise<void> {
  const found = await read(path);
  if (found === null) return;
  if (await isStill(found.owner))
    throw new Error(`${dir} is in use by process ${found.owner.pid}: stop that one, or give this one another DATA_DIR`);
  const stale = found.redis === null ? null : await identify(found.redis);
  if (stale?.command.includes(confPath) === true) await endProcess(stale, graceMs);
  await rm(path, { force: true });
}

async function write(path: string, claim: Claim): Promise<void> {
  await writeFile(path, JSON.stringify(claim), { mode: 0o600 });
}

/** A file that a crash left half-written counts as none. */
async function read(path: string): Promise<Claim | null> {
  try {
    const found: unknown = JSON.parse(await readFile(path, "utf8"));
    return isClaim(found) ? found : null;
  } catch {
    return null;
  }
}

function isClaim(value: unknown): value is Claim {
  if (typeof value !== "object" || value === null || !("owner" in value) || !("redis" in value)) return false;
  const { owner, redis } = value;
  if (typeof owner !== "object" || owner === null || !("pid" in owner) || !("started" in owner)) return false;
  return typeof owner.pid === "number" && typeof owner.started === "string" && (redis === null || typeof redis === "number");
}
