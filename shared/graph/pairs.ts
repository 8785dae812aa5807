import { gathered } from "../run/gather.ts";
import type { Cypher, Engine } from "./cypher.ts";
import { applyChanges, type Change } from "./changes.ts";
import type { Graph, Pair, Write } from "./port.ts";
import { decodeState, pairKey, strangers } from "./record.ts";

/** Writes of one transaction. */
const MOST_WRITES = 500;

export type PairStore = Pick<Graph, "pairs" | "write" | "settled" | "unsettled" | "scan">;

interface Kept {
  key: string;
  version: number;
  state: string;
}

const keptPair = ({ key, version, state }: Kept): Pair => decodeState(key, version, state);

/** Pairs by key: those that have a record. */
export async function readPairs(cypher: Cypher, keys: readonly string[]): Promise<Map<string, Pair>> {
  if (keys.length === 0) return new Map();
  const rows = await cypher.run<Kept>(
    "UNWIND $keys AS k MATCH (p:Pair {key: k}) WHERE p.version > 0 RETURN p.key AS key, p.version AS version, p.state AS state",
    { keys: [...new Set(keys)] },
  );
  return new Map(rows.map((row) => [row.key, keptPair(row)]));
}

/** The part of the port that is about pairs. Writes that come while a transaction is under way go into the next one. */
export function createPairStore(engine: Engine): PairStore {
  const writeOne = gathered((writes: Write[]) => writeAll(engine, writes), MOST_WRITES);
  return {
    pairs: async (asked) => {
      const found = await engine.read((cypher) =>
        readPairs(
          cypher,
          asked.map(({ a, b }) => pairKey(a, b)),
        ),
      );
      return asked.map(({ a, b }) => found.get(pairKey(a, b)) ?? strangers(a, b));
    },
    write: (writes) => Promise.all(writes.map(writeOne)),
    settled: async (done) => {
      if (done.length === 0) return;
      await engine.write((cypher) =>
        settle(
          cypher,
          done.map(({ a, b, version }) => ({ key: pairKey(a, b), version })),
        ),
      );
    },
    unsettled: async (before, limit) => {
      const rows = await engine.read((cypher) =>
        cypher.run<{ key: string; version: number; at: number }>(
          "MATCH (p:Pair) WHERE p.noted < $before RETURN p.key AS key, p.version AS version, p.noted AS at ORDER BY at, key LIMIT $limit",
          { before, limit },
        ),
      );
      return rows.map(({ key, version, at }) => {
        const { a, b } = strangers(...(key.split(" ") as [string, string]));
        return { a, b, version, at };
      });
    },
    scan: async (after, limit) => {
      const rows = await engine.read((cypher) =>
        cypher.run<Kept>(
          "MATCH (p:Pair) WHERE p.key > $after AND p.version > 0 RETURN p.key AS key, p.version AS version, p.state AS state ORDER BY key LIMIT $limit",
          { after: after === null ? "" : pairKey(after.a, after.b), limit },
        ),
      );
      return rows.map(keptPair);
    },
  };
}

/** Takes the notes of pairs away that are not past the versions given. */
export async function settle(cypher: Cypher, rows: { key: string; version: number }[]): Promise<void> {
  const settled = await cypher.run<Kept>(
    `UNWIND $rows AS r WITH r.key AS k, r.version AS v MATCH (p:Pair {key: k}) WHERE p.version <= v SET p.noted = NULL
     RETURN p.key AS key, p.version AS version, p.state AS state`,
    { rows },
  );
  cypher.log?.(settled.map(({ key, version, state }) => ({ key, version, state, at: null })));
}

/** Writes in their order: of two that were made from one version the first is taken. */
async function writeAll(engine: Engine, writes: Write[]): Promise<boolean[]> {
  return await engine.write(async (cypher) => {
    const keyOf = ({ pair: { a, b } }: Write) => pairKey(a, b);
    const sorted = (some: Write[]) => [...new Set(some.map(keyOf))].toSorted();
    await engine.dialect.hold(cypher, {
      known: sorted(writes.filter(({ from }) => from > 0)),
      fresh: sorted(writes.filter(({ from }) => from === 0)),
    });
    const before = await readPairs(cypher, sorted(writes));
    const now = new Map(before);
    const taken = writes.map((write) => {
      const key = keyOf(write);
      if ((now.get(key)?.version ?? 0) !== write.from) return false;
      now.set(key, write.pair);
      return true;
    });
    const at = Date.now();
    const changes = [...now].flatMap(([key, pair]): Change[] =>
      before.get(key) === pair ? [] : [{ key, before: before.get(key), pair, at }],
    );
    await applyChanges(engine, cypher, changes);
    return taken;
  });
}
