import { otherOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { addPush } from "#shared/hot/deliveries.ts";
import { factOf, has, parseFact, relationOf, sameFact, type Fact } from "#shared/hot/facts.ts";
import { barSingle, between, relate, type Kept, type Part, type Told } from "#shared/hot/relating.ts";
import { eventPointer } from "#shared/wire/pointer.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { changeLine } from "#shared/wire/relation-change.ts";
import { changesBetween, type Cause } from "./changes.ts";
import type { Deps } from "./deps.ts";
import { keepFollowing } from "./following.ts";

/** What settling works with: not the graph, whose state it is given. */
export type Settling = Pick<Deps, "hot" | "bus" | "ids" | "fanoutWriteMax" | "archiveInbox" | "logger">;

/**
 * Brings everything outside of the graph to a state of the pair: both users' facts and events, the archive's rows, the single, the feeds. A state that is
 * known already, or older, does nothing again, so it may be repeated, by any process, at any time.
 * @returns true if somebody came into a feed or left one: their inbox may not know yet
 */
export async function settle(deps: Settling, pair: Pair, cause: Cause): Promise<boolean> {
  const { hot } = deps;
  for (;;) {
    const kept = await between(hot, pair);
    const turns = [turnOf(pair, pair.a, kept[0], kept[1]), turnOf(pair, pair.b, kept[1], kept[0])] as const;
    const nows = [turns[0].now, turns[1].now] as const;
    const olds = turns.map(({ known, old, now }) => (known ? now : old)) as [Fact, Fact];
    const rows = changesBetween(pair, olds, nows, cause).map((some) => some.map(changeLine));
    const due = turns.flatMap((turn, i) => (turn.known ? [] : [partOf(turn, (kept[1 - i] as Kept).feed, rows[i] ?? [], cause.at)]));
    if (due.length === 0) break;
    const told = await relate(hot, due, deps.archiveInbox);
    push(deps, due, told);
    if (told.length === due.length) break;
  }
  await barSingle(hot, pair);
  const moved = [await keepFollowing(deps, pair.a, pair.b), await keepFollowing(deps, pair.b, pair.a)];
  return moved.includes(true);
}

/** One user's way from what they knew to what is so. */
interface Turn {
  user: string;
  other: string;
  had: Kept;
  old: Fact;
  now: Fact;
  /** True if they know this state, or a later one. */
  known: boolean;
}

/** Who holds nothing of the other for long has no line; that they were followed stands in the other's. */
function turnOf(pair: Pair, user: string, had: Kept, others: Kept): Turn {
  const now = factOf(pair, user);
  const last = parseFact(had.line === "" ? had.told : had.line);
  const letters = has(parseFact(others.line), "f") ? "F" : "";
  const old = last ?? { version: 0, letters, alias: "", note: "" };
  return { user, other: otherOf(pair, user), had, old, now, known: last !== null && last.version >= now.version };
}

function partOf({ user, other, had, old, now }: Turn, feed: string | null, rows: readonly string[], at: number): Part {
  const event = JSON.stringify({ type: "relation", relation: relationOf(other, now, feed) });
  return { user, other, had, fact: now, rows, pointer: sameFact(old, now) ? "" : eventPointer("V", "0", 0, at, "-", event) };
}

function push({ bus }: Settling, parts: readonly Part[], told: readonly Told[]): void {
  const pushes = new Map<string, PushBatch["inbox"]>();
  for (const { user, offset, nodes: online } of told) {
    const { pointer } = parts.find((part) => part.user === user) as Part;
    if (pointer !== "") addPush(pushes, user, { first: offset, pointers: [pointer], nodes: online });
  }
  bus.publish(pushes);
}
