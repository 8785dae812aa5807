import type { Partition } from "#shared/cold/partitions.ts";
import { DEDUPE_MARGIN, SLACK, trimRules, type TrimRule } from "./rules.ts";
import type { InboxState, MailboxState } from "./tidy.ts";

/** One thing the scheduler means to do. */
export type Action = TrimAction | DedupeAction | MonthAction;

/** Entries with base < seq (or offset) ≤ to leave the hot tier once they are read back. */
export interface TrimAction {
  kind: "trim-mailbox" | "trim-inbox";
  rule: string;
  /** Conversation or user. */
  id: string;
  base: number;
  to: number;
  rows: number;
}

/** Dedupe tables go that no writer looks at any more. */
export interface DedupeAction {
  kind: "remove-dedupe";
  rule: string;
  /** First and last generation, both included; `from` null: whatever is found up to `to`. */
  from: number | null;
  to: number;
}

/** A month of a table goes to the cold tier. */
export interface MonthAction {
  kind: "move-month" | "recompress-month";
  rule: string;
  table: string;
  /** `YYYYMM` */
  month: string;
  rows: number;
  bytes: number;
}

/** All that a plan is made from. */
export interface Facts {
  /** ms */
  now: number;
  /** True while Redis is above its watermark. */
  pressure: boolean;
  mailboxes: readonly MailboxState[];
  inboxes: readonly InboxState[];
  dedupe: { windowMs: number; removed: { windowMs: number; generation: number } | null };
  months: readonly Partition[];
  coldVolume: boolean;
  warmDays: number;
}

/** More generations than this are not gone through one by one: what is there is looked for instead. */
const MOST_GENERATIONS = 24;

/** What is to be done, given the facts. Decides only; whether rows are in the archive is looked at when it is carried out. */
export function planOf(facts: Facts, rules: readonly TrimRule[] = trimRules): Action[] {
  return [
    ...planDedupe(facts),
    ...facts.mailboxes.flatMap((state) => planMailbox(state, facts, rules)),
    ...facts.inboxes.flatMap((state) => planInbox(state, facts, rules)),
    ...planMonths(facts),
  ];
}

/** The strictest rule that applies, and nothing while its slack is not used up. */
function ruleFor(
  of: TrimRule["of"],
  length: number,
  lastAt: number,
  { now, pressure }: Facts,
  rules: readonly TrimRule[],
): TrimRule | null {
  const applying = rules.filter(
    (rule) => rule.of === of && (pressure || !rule.underPressure) && now - lastAt >= rule.idleFor && length > rule.keep * SLACK,
  );
  return applying.toSorted((a, b) => a.keep - b.keep)[0] ?? null;
}

function planMailbox({ conversationId, seq, newest, base, lastAt }: MailboxState, facts: Facts, rules: readonly TrimRule[]): Action[] {
  const rule = ruleFor("mailbox", seq - base, lastAt, facts, rules);
  if (rule === null) return [];
  const to = Math.min(seq - rule.keep, (newest === 0 ? seq : newest) - 1);
  return to <= base ? [] : [{ kind: "trim-mailbox", rule: rule.name, id: conversationId, base, to, rows: to - base }];
}

function planInbox({ user, offset, base }: InboxState, facts: Facts, rules: readonly TrimRule[]): Action[] {
  const rule = ruleFor("inbox", offset - base, facts.now, facts, rules);
  if (rule === null) return [];
  const to = offset - rule.keep;
  return [{ kind: "trim-inbox", rule: rule.name, id: user, base, to, rows: to - base }];
}

/** Writers look at the present generation and the one before. */
function planDedupe({ now, dedupe: { windowMs, removed } }: Facts): Action[] {
  const margin = Math.min(DEDUPE_MARGIN, windowMs / 2);
  const to = Math.floor((now - margin) / windowMs) - 2;
  const known = removed !== null && removed.windowMs === windowMs;
  if (known && removed.generation >= to) return [];
  const from = known && to - removed.generation <= MOST_GENERATIONS ? removed.generation + 1 : null;
  return [{ kind: "remove-dedupe", rule: "dedupe-generations", from, to }];
}

/** Months that lie wholly further back than the warm days. */
function planMonths({ now, months, coldVolume, warmDays }: Facts): Action[] {
  const old = months.filter(({ month }) => endOf(month) + warmDays * 86_400_000 <= now);
  const due = old.filter(({ onColdVolume, recompressed }) => (coldVolume ? !onColdVolume : !recompressed));
  return due.map(({ table, month, rows, bytes }) => ({
    kind: coldVolume ? "move-month" : "recompress-month",
    rule: "warm-to-cold",
    table,
    month,
    rows,
    bytes,
  }));
}

const endOf = (month: string): number => Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)), 1);
