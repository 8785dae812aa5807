import type { ColdStore } from "#shared/cold/store.ts";
import { keys } from "#shared/hot/keys.ts";
import { parseIntervals } from "#shared/hot/member.ts";
import { removeKeys, scanKeys } from "#shared/hot/nodes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { OutboxRecord } from "#shared/wire/record.ts";
import type { Archiver } from "./archiver.ts";
import type { Batch } from "./batch.ts";
import { addEntries } from "./entry-rows.ts";
import { addPointers } from "./inbox-rows.ts";
import type { Action, DedupeAction, MonthAction, TrimAction } from "./plan.ts";
import { correctLong } from "./tidy.ts";

/** What came of an action. */
export interface Outcome {
  action: Action;
  /** Rows trimmed, tables removed, or rows that are in the cold tier now. */
  done: number;
  /** Why less was done than planned; null where all was. */
  reason: string | null;
}

export interface CarryDeps {
  hot: Hot;
  cold: ColdStore;
  archiver: Pick<Archiver, "move">;
  dedupeWindowMs: number;
}

/** Trims that are read back in one query. */
const TRIMS = 100;
/** Trims under way at once: one after the other would take a round trip or three each, which adds up where Redis is busy. */
const AT_ONCE = 25;
/** Pointers of an inbox read in one range. */
const SLICE = 1_000;

/** Carries actions out, in order. Rejects where a store is away; what was done until then stays done. */
export async function carryOut(deps: CarryDeps, actions: readonly Action[], told: (outcome: Outcome) => void): Promise<void> {
  const trims = actions.filter((action): action is TrimAction => action.kind === "trim-mailbox" || action.kind === "trim-inbox");
  for (const action of actions) if (action.kind === "remove-dedupe") told(await removeDedupe(deps, action));
  for (const kind of ["trim-mailbox", "trim-inbox"] as const) {
    const some = trims.filter((action) => action.kind === kind);
    for (let i = 0; i < some.length; i += TRIMS) for (const outcome of await trim(deps, some.slice(i, i + TRIMS))) told(outcome);
  }
  for (const action of actions) if (action.kind === "move-month" || action.kind === "recompress-month") told(await moveMonth(deps, action));
}

/** Move, verify, trim: what is not in the archive goes there first; only what was read back whole is forgotten. */
async function trim(deps: CarryDeps, actions: readonly TrimAction[]): Promise<Outcome[]> {
  const counts = await verify(deps.cold, actions);
  for (const action of actions) {
    if (counts.get(action.id) === action.rows) continue;
    // Where there is a backlog, the rest would be refused as well.
    if (!(await deps.archiver.move((batch) => fill(deps.hot, batch, action)))) break;
    counts.set(action.id, (await verify(deps.cold, [action])).get(action.id) ?? 0);
  }
  const outcomes: Outcome[] = [];
  for (let i = 0; i < actions.length; i += AT_ONCE)
    outcomes.push(...(await Promise.all(actions.slice(i, i + AT_ONCE).map((action) => forgetFound(deps.hot, action, counts)))));
  return outcomes;
}

function forgetFound(hot: Hot, action: TrimAction, counts: ReadonlyMap<string, number>): Promise<Outcome> {
  const found = counts.get(action.id) ?? 0;
  if (found === action.rows) return forget(hot, action);
  return Promise.resolve({ action, done: 0, reason: `${found} of ${action.rows} are in the archive` });
}

/** Distinct rows of each range that ClickHouse gives. */
function verify(cold: ColdStore, actions: readonly TrimAction[]): Promise<Map<string, number>> {
  if (actions[0]?.kind === "trim-mailbox")
    return cold.verifyMessages(actions.map(({ id, base, to }) => ({ conversationId: id, fromSeq: base + 1, toSeq: to })));
  return cold.verifyInbox(actions.map(({ id, base, to }) => ({ user: id, fromOffset: base + 1, toOffset: to })));
}

async function forget(hot: Hot, action: TrimAction): Promise<Outcome> {
  const { id, base, to } = action;
  const mailbox = action.kind === "trim-mailbox";
  const touched = mailbox ? [keys.head(id), keys.mailbox(id)] : [keys.user(id), keys.inbox(id)];
  const done = Number(await hot.run(action.kind, touched, [to, base]));
  const end = Number((await hot.redis.hget(touched[0] as string, mailbox ? "s" : "o")) ?? 0);
  await correctLong(hot, mailbox ? "mailbox" : "inbox", new Map([[id, end - base - done]]));
  return { action, done, reason: done === action.rows ? null : "it was trimmed otherwise meanwhile" };
}

/** A trim forgets what Redis holds, so that is what is archived. */
const nothingAtHand = { peek: () => undefined };

/** Puts the hot rows of a range into a batch. */
async function fill(hot: Hot, batch: Batch, { kind, id, base, to }: TrimAction): Promise<void> {
  if (kind === "trim-inbox") {
    for (let from = base + 1; from <= to; from += SLICE)
      await addPointers(hot, batch, [{ user: id, from, to: Math.min(to, from + SLICE - 1) }]);
    return;
  }
  const read = parseIntervals((await hot.redis.hget(keys.head(id), "v")) ?? "");
  const inRead = (seq: number): boolean => read.some(({ joined, left }) => joined < seq && seq <= left);
  const records = Array.from({ length: to - base }, (_, i): Extract<OutboxRecord, { type: "entry" }> => {
    const seq = base + 1 + i;
    return { type: "entry", conversationId: id, seq, letter: "m", id: "0", count: 0, mode: inRead(seq) ? "r" : "w", handed: null };
  });
  await addEntries({ hot, entries: nothingAtHand }, batch, records);
}

async function removeDedupe({ hot, dedupeWindowMs }: CarryDeps, action: DedupeAction): Promise<Outcome> {
  let done = 0;
  if (action.from === null) done = await removeFound(hot, action.to);
  else
    for (let generation = action.from; generation <= action.to; generation++)
      done += await removeTables(hot, [...keys.dedupeTables(generation)]);
  await hot.redis.set(keys.dedupeRemoved, `${dedupeWindowMs} ${action.to}`);
  return { action, done, reason: null };
}

/** Keys of one UNLINK, few enough that nobody waits for it. */
const UNLINKS = 256;

async function removeTables(hot: Hot, tables: readonly string[]): Promise<number> {
  let removed = 0;
  for (let i = 0; i < tables.length; i += UNLINKS) removed += await removeKeys(hot, tables.slice(i, i + UNLINKS));
  return removed;
}

/** Looks through all keys for tables up to a generation: after a long pause, and where the window is another than before. */
async function removeFound(hot: Hot, to: number): Promise<number> {
  let removed = 0;
  let cursor = "0";
  do {
    const [next, names] = await scanKeys(hot, cursor, 1_000, "d:{*");
    // Generations far above the present one are those of a shorter window that was set before.
    const old = names.filter((name) => isOld(Number(/^d:\{[^}]+\}:(\d+):/.exec(name)?.[1]), to));
    removed += await removeKeys(hot, old);
    cursor = next;
  } while (cursor !== "0");
  return removed;
}

const isOld = (generation: number, to: number): boolean => generation <= to || generation > to + 4;

async function moveMonth({ cold }: CarryDeps, action: MonthAction): Promise<Outcome> {
  const { kind, table, month } = action;
  await (kind === "move-month" ? cold.moveToCold(table, month) : cold.mergeMonth(table, month));
  const there = (await cold.partitions()).find((partition) => partition.table === table && partition.month === month);
  const done = there !== undefined && (kind === "move-month" ? there.onColdVolume : there.recompressed);
  return { action, done: done ? there.rows : 0, reason: done ? null : "its parts are not cold yet" };
}
