import { setTimeout as after } from "node:timers/promises";
import { readMetrics } from "../lean/metrics.ts";
import type { LoadServer } from "../lean/server.ts";

/** Resolves when the archive has all that was committed: it is part of our side's work and must not fall into the time of another side. */
export async function archived(server: LoadServer): Promise<void> {
  const rows = async () => (await readMetrics(server.http)).get("tributary_archive_rows_total") ?? 0;
  let before = await rows();
  for (let same = 0; same < 3;) {
    await after(700);
    const now = await rows();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}
