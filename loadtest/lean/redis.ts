import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "#infra/redis/child.ts";
import { createLogger } from "#shared/run/logger.ts";

/** A Redis that one server under load has for itself. */
export interface OwnRedis extends AsyncDisposable {
  url: string;
  pid: number;
}

/** Starts a Redis as Tributary does for itself, in a directory that goes when it ends. `role` names it in logs and in the directory's name. */
export async function startOwnRedis(durability: "fsync" | "everysec", role: string): Promise<OwnRedis> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), `${role}-`));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const redis = stack.use(await startRedis({ dir, durability, unixSocket: true, logger: createLogger("silent", { role }) }));
  const owned = stack.move();
  return { url: redis.url, pid: redis.pid(), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
