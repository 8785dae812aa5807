import type { Pair } from "#shared/graph/port.ts";
import { factLine, holdsNothing, type Fact } from "./facts.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { bySlot, spread } from "./spread.ts";
import { newEpoch } from "./users.ts";

/** What is kept of one of a pair: as text, so that it can be told whether it is still the same. */
export interface Kept {
  line: string;
  /** Where there is no line: what was last told, for a while. */
  told: string;
  /** The user's feed. */
  feed: string | null;
}

/** Reads what is kept of both of a pair. */
export async function between(hot: Hot, { a, b }: Pick<Pair, "a" | "b">): Promise<[a: Kept, b: Kept]> {
  const touched = [keys.facts(a), keys.told(a, b), keys.feed(a), keys.facts(b), keys.told(b, a), keys.feed(b)];
  const rows = await spread<string[]>(hot, "between", { keys: touched, each: 3, own: [b, a] });
  const [keptOfA, keptOfB] = rows.map(([line = "", told = "", feed = ""]): Kept => ({ line, told, feed: feed === "" ? null : feed }));
  return [keptOfA as Kept, keptOfB as Kept];
}

/** How long after a change it is looked for such that were left half done (ms). */
const CHANGING_LIFE = 20_000;

/** To be called before a change is written to the graph: should the process end right after, somebody looks for it. */
export async function relationsChange(hot: Hot): Promise<void> {
  await hot.redis.set(keys.relationsChanging, "", "PX", CHANGING_LIFE);
}

/** True if relations have changed lately. */
export const relationsChanging = async (hot: Hot): Promise<boolean> => (await hot.redis.exists(keys.relationsChanging)) === 1;

/** How long it is remembered what a user was told of one of whom they hold nothing: longer than two processes may be at the same change (ms). */
const TOLD_LIFE = 600_000;

/** One user's part of a change. */
export interface Part {
  user: string;
  other: string;
  had: Kept;
  fact: Fact;
  /** Pointer of the event that the user gets; '' for none. */
  pointer: string;
  /** For the archive's table of relations, as lines. */
  rows: readonly string[];
}

/** Where an inbox is after a change. */
export interface Told {
  user: string;
  /** Offset of the event, or the one that the next would have had. */
  offset: number;
  nodes: string[];
}

/**
 * Gives each user their new line, where all still have what the caller found. On a cluster users of different slots get theirs one after the other.
 * @param archiveInbox true if the archive is to have rows of the events
 * @returns who got theirs; not all where there is another line by now
 */
export async function relate(hot: Hot, parts: readonly Part[], archiveInbox: boolean): Promise<Told[]> {
  if (!hot.cluster) return relateHere(hot, parts, archiveInbox);
  const told: Told[] = [];
  for (const numbers of bySlot(parts.map(({ user }) => keys.user(user))).values()) {
    const some = await relateHere(
      hot,
      numbers.map((i) => parts[i] as Part),
      archiveInbox,
    );
    told.push(...some);
    if (some.length === 0) break;
  }
  return told;
}

/** The same for users of one Redis node (one slot on a cluster): all of them, or none. */
async function relateHere(hot: Hot, parts: readonly Part[], archiveInbox: boolean): Promise<Told[]> {
  const rows = parts.flatMap((part) => part.rows);
  const touched = parts.flatMap(({ user, other }) => [keys.facts(user), keys.told(user, other), keys.user(user), keys.inbox(user)]);
  const args: (string | number)[] = [newEpoch(), archiveInbox ? 1 : 0, TOLD_LIFE, rows.join("\n")];
  for (const { user, other, had, fact, pointer } of parts) {
    const line = factLine(fact);
    const [kept, told] = holdsNothing(fact) ? ["", line] : [line, ""];
    args.push(user, other, had.line, had.told, kept, told, pointer);
  }
  const streams = [keys.deliveries(parts[0]?.user ?? ""), keys.relations(parts[0]?.user ?? "")];
  const results = (await hot.run("relate", [...touched, ...streams], args)) as string[];
  return results.map((result, i) => {
    const [offset, nodes = ""] = result.split("|");
    return { user: (parts[i] as Part).user, offset: Number(offset), nodes: nodes === "" ? [] : nodes.split(",") };
  });
}

/**
 * Notes in a single whether one of the two blocks the other, as of a version of the pair; what is known of a later one stays.
 * @param whatever true to overrule that: the graph has gone back
 */
export async function bar(hot: Hot, conversationId: string, version: number, blocked: boolean, whatever = false): Promise<void> {
  await hot.run("bar", [keys.head(conversationId)], [version, blocked ? "+" : "-", whatever ? 1 : 0]);
}

/** The same for the single of a pair, where there is one. */
export async function barSingle(hot: Hot, pair: Pair, whatever = false): Promise<void> {
  const id = await hot.redis.get(keys.pair(pair.a, pair.b));
  if (id !== null) await bar(hot, id, pair.version, pair.ab.blocking !== null || pair.ba.blocking !== null, whatever);
}
