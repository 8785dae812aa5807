import type { Hot } from "./redis.ts";
import type { ScriptName } from "./scripts.ts";
import { slotOf } from "./slots.ts";

type Arg = string | number;

/** A script over many items: their keys and their own arguments stand in the order of the items, those of the call before them. */
export interface Items {
  keys: readonly string[];
  /** Keys of an item; on a cluster they lie in one slot. */
  each: number;
  /** Of the call. */
  args?: readonly Arg[];
  /** Of the items, as many of each. */
  own?: readonly Arg[];
}

/**
 * Runs a script that answers with one value an item. Where Redis is one node that is one call at one moment; on a cluster each slot has a call of
 * its own, all at once, and their answers are put together in the order of the items.
 * @param rows takes a call's answer apart, where it is no list
 */
export async function spread<Answer>(
  hot: Hot,
  name: ScriptName,
  { keys, each, args = [], own = [] }: Items,
  rows: (answer: unknown) => readonly Answer[] = (answer) => answer as Answer[],
): Promise<readonly Answer[]> {
  if (!hot.cluster) return rows(await hot.run(name, keys, own.length === 0 ? args : [...args, ...own]));
  const parts = [...bySlot(keys.filter((_, i) => i % each === 0)).values()];
  const ownEach = (own.length * each) / keys.length;
  const found: Answer[] = [];
  await Promise.all(
    parts.map(async (items) => {
      const some = items.flatMap((item) => keys.slice(item * each, (item + 1) * each));
      const theirs = items.flatMap((item) => own.slice(item * ownEach, (item + 1) * ownEach));
      const answers = rows(await hot.run(name, some, [...args, ...theirs]));
      for (const [i, item] of items.entries()) found[item] = answers[i] as Answer;
    }),
  );
  return found;
}

/** The numbers, from 0, of the keys that lie in each slot. */
export function bySlot(keys: readonly string[]): Map<number, number[]> {
  const slots = new Map<number, number[]>();
  for (const [i, key] of keys.entries()) slots.getOrInsertComputed(slotOf(key), () => []).push(i);
  return slots;
}
