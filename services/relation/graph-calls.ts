import { newPair } from "#shared/graph/pair.ts";
import type { Graph, Pair, Unsettled, Write } from "#shared/graph/port.ts";
import { gathered } from "#shared/run/gather.ts";

/** Changes of one call to the graph: few enough that it is short. */
const MOST = 100;

type Settled = Omit<Unsettled, "at">;

/** What a change asks of the graph. Many change at once: what waits is one call. */
export interface GraphCalls {
  pair(one: string, other: string): Promise<Pair>;
  /** Resolves to whether it was written. */
  write(write: Write): Promise<boolean>;
  settled(done: Settled): Promise<void>;
}

export function gatherCalls(graph: Graph): GraphCalls {
  const pair = gathered((asked: Pair[]) => graph.pairs(asked), MOST);
  const settled = gathered(async (done: Settled[]) => {
    await graph.settled(done);
    return done.map(() => undefined);
  }, MOST);
  return {
    pair: (one, other) => pair(newPair(one, other)),
    write: gathered((writes: Write[]) => writeFirsts(graph, writes), MOST),
    settled,
  };
}

/** Of several writes of a pair the first is taken: the others were made from what is no more. */
async function writeFirsts(graph: Graph, writes: readonly Write[]): Promise<boolean[]> {
  const firsts = new Map<string, Write>();
  for (const write of writes) firsts.getOrInsert(`${write.pair.a} ${write.pair.b}`, write);
  const some = [...firsts.values()];
  const written = await graph.write(some);
  const taken = new Set(some.filter((_, i) => written[i]));
  return writes.map((write) => taken.has(write));
}
