import { applyChanges, type Change } from "#shared/graph/changes.ts";
import type { Cypher, Engine, Logged } from "#shared/graph/cypher.ts";
import { readPairs, settle } from "#shared/graph/pairs.ts";
import { decodeState } from "#shared/graph/record.ts";

/** Pairs of one transaction. */
const PART = 500;

/** Brings pairs to what a journal says, whatever of it the database has had. */
export async function replay(engine: Engine, journal: ReadonlyMap<string, Logged>): Promise<void> {
  const all = [...journal.values()];
  for (let from = 0; from < all.length; from += PART) {
    const part = all.slice(from, from + PART);
    await engine.write((cypher) => replayPart(engine, cypher, part));
  }
}

async function replayPart(engine: Engine, cypher: Cypher, part: readonly Logged[]): Promise<void> {
  const before = await readPairs(
    cypher,
    part.map(({ key }) => key),
  );
  const changes = part.map(({ key, version, state, at }): Change => ({
    key,
    before: before.get(key),
    pair: decodeState(key, version, state),
    at,
  }));
  await applyChanges(engine, cypher, changes);
  const settled = part.filter(({ at }) => at === null).map(({ key, version }) => ({ key, version }));
  if (settled.length > 0) await settle(cypher, settled);
}
