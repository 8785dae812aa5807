import { otherOf, sideOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import type { Relation } from "#shared/wire/values.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

/**
 * What a user knows of their relation to another, made from the graph: in the user's slot, so that neither sending nor reading asks the graph.
 * Letters: f following · F followed · a friend · c contact · o has asked · i was asked · b blocking. Kept as "version letters[ alias and note as JSON]".
 */
export interface Fact {
  /** Of the pair. */
  version: number;
  letters: string;
  alias: string;
  note: string;
}

const letters = ["f", "F", "a", "c", "o", "i", "b"] as const;
type Letter = (typeof letters)[number];
export const has = (fact: Fact | null, letter: Letter): boolean => fact?.letters.includes(letter) === true;

/** What `user`, one of the pair, knows of it. */
export function factOf(pair: Pair, user: string): Fact {
  const [mine, theirs] = [sideOf(pair, user), sideOf(pair, otherOf(pair, user))];
  const so = [mine.following, theirs.following, pair.friends, mine.contact, mine.requested, theirs.requested, mine.blocking];
  return {
    version: pair.version,
    letters: letters.filter((_, i) => so[i] !== null).join(""),
    alias: mine.contact?.alias ?? "",
    note: (mine.requested ?? theirs.requested)?.note ?? "",
  };
}

/** Holds nothing of the other: of such there may be as many as an author has followers, so they have no line. */
export const holdsNothing = ({ letters: some }: Fact): boolean => some === "" || some === "F";

export const sameFact = (one: Fact, other: Fact): boolean =>
  one.letters === other.letters && one.alias === other.alias && one.note === other.note;

export function factLine({ version, letters: some, alias, note }: Fact): string {
  const rest = alias === "" && note === "" ? "" : ` ${JSON.stringify([alias, note])}`;
  return `${version} ${some === "" ? "-" : some}${rest}`;
}

/** Reads a line; null where there is none. */
export function parseFact(line: string): Fact | null {
  if (line === "") return null;
  const [version, some = "-"] = line.split(" ", 2);
  const at = line.indexOf("[");
  const [alias, note] = at < 0 ? ["", ""] : (JSON.parse(line.slice(at)) as [string, string]);
  return { version: Number(version), letters: some === "-" ? "" : some, alias, note };
}

/** How a user's relation to another is shown to them. */
export function relationOf(other: string, { letters: some, alias, note }: Omit<Fact, "version">, feed: string | null): Relation {
  const so = (letter: Letter): boolean => some.includes(letter);
  return {
    user: other,
    following: so("f"),
    followed: so("F"),
    friend: so("a"),
    contact: so("c"),
    ...(alias === "" ? {} : { alias }),
    request: so("i") ? "in" : so("o") ? "out" : null,
    ...(note === "" ? {} : { note }),
    blocking: so("b"),
    feed,
  };
}

/** What a user and another hold of each other; null where it is nothing. */
export interface Mutual {
  user: string;
  mine: Fact | null;
  theirs: Fact | null;
  /** The other's feed. */
  feed: string | null;
}

const MOST_OTHERS = 1_000;

/** Reads what a user and each of the others hold of each other: up to 1,000 others at one moment. */
export async function mutuals(hot: Hot, user: string, others: readonly string[]): Promise<Mutual[]> {
  const found: Mutual[] = [];
  for (let first = 0; first < others.length; first += MOST_OTHERS) {
    const some = others.slice(first, first + MOST_OTHERS);
    for (const [i, [mine, theirs, feed]] of (await readMutuals(hot, user, some)).entries()) {
      found.push({ user: some[i] as string, mine: parseFact(mine), theirs: parseFact(theirs), feed: feed === "" ? null : feed });
    }
  }
  return found;
}

type Lines = readonly [mine: string, theirs: string, feed: string];

/** On a cluster the user's own lines are read by themselves, just before those of the others. */
async function readMutuals(hot: Hot, user: string, others: readonly string[]): Promise<Lines[]> {
  const theirs = others.flatMap((other) => [keys.facts(other), keys.feed(other)]);
  if (!hot.cluster) return (await hot.run("facts", [...theirs, keys.facts(user)], [user, ...others])) as unknown as Lines[];
  const mine = await hot.redis.hmget(keys.facts(user), ...others);
  const found = await spread<Lines>(hot, "facts", { keys: theirs, each: 2, args: [user] });
  return found.map(([, line, feed], i) => [mine[i] ?? "", line, feed]);
}

/** Reads a user's relations to others, in their order. That one is followed stands with the follower alone. */
export async function relations(hot: Hot, user: string, others: readonly string[]): Promise<Relation[]> {
  return (await mutuals(hot, user, others)).map(({ user: other, mine, theirs, feed }) => {
    const { letters: own, alias, note } = mine ?? { letters: "", alias: "", note: "" };
    const some = own.replace("F", "") + (has(theirs, "f") ? "F" : "");
    return relationOf(other, { letters: some, alias, note }, feed);
  });
}

/** Those of the others who block the user. */
export async function blockersOf(hot: Hot, user: string, others: readonly string[]): Promise<Set<string>> {
  const all = await mutuals(hot, user, others);
  return new Set(all.filter(({ theirs }) => has(theirs, "b")).map(({ user: other }) => other));
}
