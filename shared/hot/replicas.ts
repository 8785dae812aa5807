import { Refusal } from "#shared/wire/errors.ts";
import type { ScriptName } from "./scripts.ts";

/** How long replicas may take, ms. */
const PATIENCE = 2_000;

/**
 * To be called before a write at a key: what it returns waits after the write until so many replicas hold it, at most `ms`, and resolves to how many
 * do. 0 where another node has the key by then, as that one may not know of the write.
 */
export type Replicas = (key: string) => (wanted: number, ms: number) => Promise<number>;

/** Scripts whose effect somebody is told of: numbers that were seen must not be given anew. Commits are waited for by the writer, all of a batch at once. */
const TOLD: ReadonlySet<ScriptName> = new Set([
  "claim",
  "create",
  "join",
  "leave",
  "mode",
  "update",
  "read",
  "deliver",
  "relate",
  "bar",
  "fence",
]);

export const isTold = (name: ScriptName): boolean => TOLD.has(name);

/**
 * To be called before a write at a key; what it returns waits after it until enough replicas hold it.
 * @throws Refusal 108 where they do not within two seconds, so that the caller tries again: the write may be there or not
 */
export function untilHeld(replicas: Replicas, key: string, wanted: number): () => Promise<void> {
  if (wanted === 0) return () => Promise.resolve();
  const held = replicas(key);
  return async () => {
    const many = await held(wanted, PATIENCE);
    if (many < wanted) throw new Refusal(108, `${many} of ${wanted} replicas hold it; try again`);
  };
}
