import type { Hot } from "./redis.ts";
import { bySlot } from "./spread.ts";

/** Memory of one Redis node, in bytes. */
export interface NodeMemory {
  used: number;
  /** 0: no limit. */
  limit: number;
}

/** The memory of the Redis, or of every master of the cluster. */
export function nodeMemories(hot: Hot): Promise<NodeMemory[]> {
  return Promise.all(
    hot.masters().map(async (node) => {
      const info = await node.info("memory");
      const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
      return { used: field("used_memory"), limit: field("maxmemory") };
    }),
  );
}

/**
 * The next few keys of a walk over all of them, node by node; some may come twice.
 * @param cursor "0" to begin with, else what the call before has returned
 * @returns the cursor to go on with, "0" at the end, and names of keys
 */
export async function scanKeys(hot: Hot, cursor: string, count: number, pattern = "*"): Promise<[next: string, names: string[]]> {
  const nodes = hot.masters();
  const [within = "0", number = "0"] = cursor.split("@");
  const at = Number(number);
  const node = nodes[at];
  if (node === undefined) return ["0", []];
  const [next, names] = await node.scan(within, "MATCH", pattern, "COUNT", count);
  const ended = next === "0";
  if (ended && at + 1 >= nodes.length) return ["0", names];
  return [ended ? `0@${at + 1}` : `${next}@${at}`, names];
}

/** Removes keys of any slots. Resolves to how many there were. */
export async function removeKeys(hot: Hot, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) return 0;
  if (!hot.cluster) return hot.redis.unlink(...keys);
  const slots = [...bySlot(keys).values()];
  const removed = await Promise.all(slots.map((numbers) => hot.redis.unlink(...numbers.map((i) => keys[i] as string))));
  return removed.reduce((sum, one) => sum + one, 0);
}
