import { once } from "node:events";

/** How long a server whose parent died may take to end in order (ms); its parent would not wait longer either. */
const ORPHAN_MS = 5_000;

/**
 * Resolves when a server that runs as a child is to end: on SIGTERM, SIGINT, or when its parent is gone. In the last case nobody is left to end it should
 * it hang, and the next server waits for its directory: it kills itself when it is still there after 5 s, which costs nothing that it acknowledged.
 */
export async function untilTold(): Promise<void> {
  const orphaned = async () => {
    await once(process, "disconnect");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), ORPHAN_MS).unref();
  };
  const ends: Promise<unknown>[] = [once(process, "SIGTERM"), once(process, "SIGINT")];
  if (process.channel !== undefined) ends.push(orphaned());
  await Promise.race(ends);
}
