import type { ColdStore } from "#shared/cold/store.ts";
import { keys } from "#shared/hot/keys.ts";
import { nodeMemories } from "#shared/hot/nodes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Config } from "#shared/run/config.ts";
import type { Facts } from "./plan.ts";
import { longFrom, trimRules, watermark } from "./rules.ts";
import { addTotals, noTotals, surveySlice, type HotTotals } from "./survey.ts";
import { inboxStates, longest, mailboxStates, type MailboxState } from "./tidy.ts";

/** Mailboxes and inboxes that one round takes on. */
const MOST_CANDIDATES = 500;

export type ArchiveConfig = Pick<Config, "archiveInbox" | "dedupeWindowMs" | "warmDays">;

export interface RedisMemory {
  used: number;
  /** 0: no limit. */
  limit: number;
  pressure: boolean;
}

/** Redis' memory, and whether it is above the watermark, on a cluster that of one master. */
export async function readMemory(hot: Hot): Promise<RedisMemory> {
  const nodes = await nodeMemories(hot);
  const sum = (of: "used" | "limit"): number => nodes.reduce((all, node) => all + node[of], 0);
  const pressed = nodes.some(({ used, limit }) => used > (limit > 0 ? limit * watermark.part : watermark.bytes));
  return { used: sum("used"), limit: sum("limit"), pressure: pressed };
}

/** A walk through the keys of Redis that goes on where it stopped. */
export interface Survey {
  cursor: string;
  /** Of the walk under way. */
  totals: HotTotals;
  /** Of the last walk that came to its end. */
  whole: HotTotals | null;
}
export const newSurvey = (): Survey => ({ cursor: "0", totals: noTotals(), whole: null });

/** Walks on for some keys, at most to the end. Returns idle mailboxes found: those that only a rule for idle ones can apply to. */
async function walk(hot: Hot, survey: Survey, slices: number, now: number): Promise<MailboxState[]> {
  const idleFor = Math.min(...trimRules.filter((rule) => rule.idleFor > 0).map((rule) => rule.idleFor));
  const idle = new Map<string, MailboxState>();
  for (let n = 0; n < slices && idle.size < MOST_CANDIDATES; n++) {
    const slice = await surveySlice(hot, survey.cursor);
    addTotals(survey.totals, slice);
    for (const state of slice.mailboxes)
      if (now - state.lastAt >= idleFor && state.seq - state.base > 1) idle.set(state.conversationId, state);
    survey.cursor = slice.cursor;
    if (slice.cursor !== "0") continue;
    survey.whole = survey.totals;
    survey.totals = noTotals();
    break;
  }
  return [...idle.values()];
}

/** The facts for a plan, as they are now. `slices`: how far to walk under pressure. Changes nothing. */
export async function look(deps: { hot: Hot; cold: ColdStore; config: ArchiveConfig }, survey: Survey, slices: number): Promise<Facts> {
  const { hot, cold, config } = deps;
  const now = Date.now();
  const { pressure } = await readMemory(hot);
  const mailboxes = await mailboxStates(hot, await longest(hot, "mailbox", longFrom("mailbox", pressure), MOST_CANDIDATES));
  const inboxes = config.archiveInbox
    ? await inboxStates(hot, await longest(hot, "inbox", longFrom("inbox", pressure), MOST_CANDIDATES))
    : [];
  const known = new Set(mailboxes.map(({ conversationId }) => conversationId));
  const idle = await walk(hot, survey, pressure ? slices : 1, now);
  if (pressure) mailboxes.push(...idle.filter(({ conversationId }) => !known.has(conversationId)));
  const [windowMs, generation] = ((await hot.redis.get(keys.dedupeRemoved)) ?? "").split(" ");
  const removed = generation === undefined ? null : { windowMs: Number(windowMs), generation: Number(generation) };
  const dedupe = { windowMs: config.dedupeWindowMs, removed };
  return { now, pressure, mailboxes, inboxes, dedupe, ...(await readMonths(cold)), warmDays: config.warmDays };
}

/** The months in ClickHouse; none while it is away, so that what concerns Redis alone goes on. */
async function readMonths(cold: ColdStore): Promise<Pick<Facts, "months" | "coldVolume">> {
  try {
    const [months, coldVolume] = await Promise.all([cold.partitions(), cold.hasColdVolume()]);
    return { months, coldVolume };
  } catch {
    return { months: [], coldVolume: false };
  }
}
