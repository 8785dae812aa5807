import { sideOf } from "#shared/graph/pair.ts";
import type { Pair } from "#shared/graph/port.ts";
import { has, type Fact } from "#shared/hot/facts.ts";
import type { RelationChange } from "#shared/wire/relation-change.ts";

/** What is known of a change beside the states before and after it. */
export interface Cause {
  /** Unix ms */
  at: number;
  /** Who did it, where that is known. */
  actor: string | null;
  /** Words that came with it. */
  note: string;
}

/** What one of a pair knew of it before and after. */
interface Turn {
  user: string;
  other: string;
  old: Fact;
  now: Fact;
}

/**
 * The changes that lie between what both of a pair knew and what is so now, as analysts get them: those that go with what `a` comes to know, the
 * friendship among them, and those that go with `b`.
 */
export function changesBetween(
  pair: Pair,
  olds: readonly [Fact, Fact],
  nows: readonly [Fact, Fact],
  cause: Cause,
): [RelationChange[], RelationChange[]] {
  const a: Turn = { user: pair.a, other: pair.b, old: olds[0], now: nows[0] };
  const b: Turn = { user: pair.b, other: pair.a, old: olds[1], now: nows[1] };
  const blocked = [a, b].some(({ old, now }) => !has(old, "b") && has(now, "b"));
  return [[...ownChanges(pair, a, blocked, cause), ...friendship(a, b, cause)], ownChanges(pair, b, blocked, cause)];
}

/** What one of the two did by themselves, or what a block did to them. */
function ownChanges(pair: Pair, { user, other, old, now }: Turn, blocked: boolean, cause: Cause): RelationChange[] {
  const began = (letter: "f" | "c" | "o" | "b"): boolean => has(now, letter) && !has(old, letter);
  const ended = (letter: "f" | "b" | "i"): boolean => has(old, letter) && !has(now, letter);
  const row = (change: RelationChange["change"], more: Partial<RelationChange> = {}): RelationChange => ({
    user,
    other,
    change,
    alias: "",
    note: cause.actor === user ? cause.note : "",
    at: cause.at,
    ...more,
  });
  const rows: RelationChange[] = [];
  if (began("f")) rows.push(row("followed"));
  if (ended("f")) rows.push(row("unfollowed"));
  if (began("o")) rows.push(row("requested", { note: sideOf(pair, user).requested?.note ?? "" }));
  if (ended("i") && !has(now, "a") && !blocked) rows.push(row("declined"));
  if (has(now, "c") && (!has(old, "c") || old?.alias !== now.alias)) rows.push(row("added", { alias: now.alias }));
  if (began("b")) rows.push(row("blocked"));
  if (ended("b")) rows.push(row("unblocked"));
  return rows;
}

/** A friendship is both sides': the row is of who accepted or ended it. */
function friendship(a: Turn, b: Turn, { at, actor, note }: Cause): RelationChange[] {
  const [was, is] = [has(a.old, "a"), has(a.now, "a")];
  if (was === is) return [];
  const accepting = has(b.old, "i") ? b : a;
  const { user, other } = actor === null ? (is ? accepting : a) : actor === b.user ? b : a;
  return [{ user, other, change: is ? "accepted" : "unfriended", alias: "", note: actor === user ? note : "", at }];
}
