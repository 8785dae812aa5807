import type { Graph, Pair, Side } from "#shared/graph/port.ts";
import { inOrder, strangers } from "#shared/graph/record.ts";

let series = 0;

/** Names that no other test of the file uses. */
export function namesOf<const N extends string>(...names: N[]): Record<N, string> {
  series += 1;
  return Object.fromEntries(names.map((name) => [name, `${name}.${series}`])) as Record<N, string>;
}

/** A time that lies so many days back. */
export const daysAgo = (days: number): number => Date.now() - days * 86_400_000;

type Held = Partial<Side>;

/** A pair as it would be written, given in any order: what the first holds of the second, and the other way round. */
export function between(one: string, another: string, held: { mine?: Held; theirs?: Held; friends?: number; version?: number }): Pair {
  const { a, b } = inOrder(one, another);
  const blank = strangers(a, b);
  const [ab, ba] = a === one ? [held.mine, held.theirs] : [held.theirs, held.mine];
  return { a, b, version: held.version ?? 1, friends: held.friends ?? null, ab: { ...blank.ab, ...ab }, ba: { ...blank.ba, ...ba } };
}

export const follows = (one: string, another: string, since: number): Pair => between(one, another, { mine: { following: since } });
export const friends = (one: string, another: string, since: number): Pair => between(one, another, { friends: since });
export const blocks = (one: string, another: string): Pair => between(one, another, { mine: { blocking: daysAgo(1) } });

/** Writes pairs that are new. */
export async function writeNew(graph: Graph, ...pairs: Pair[]): Promise<void> {
  const written = await graph.write(pairs.map((pair) => ({ pair, from: 0 })));
  if (!written.every(Boolean)) throw new Error(`not all were new: ${JSON.stringify(written)}`);
}

/** Reads one pair, whatever the order. */
export async function pairOf(graph: Graph, one: string, another: string): Promise<Pair> {
  const [pair] = await graph.pairs([inOrder(one, another)]);
  return pair!;
}

/** Writes a change of a pair over what it is now. */
export async function change(graph: Graph, pair: Pair): Promise<void> {
  const { version } = await pairOf(graph, pair.a, pair.b);
  const [written] = await graph.write([{ pair: { ...pair, version: version + 1 }, from: version }]);
  if (written !== true) throw new Error("somebody else wrote the pair");
}
