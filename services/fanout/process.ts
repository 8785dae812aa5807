import { entryPointer, eventPointer } from "#shared/wire/pointer.ts";
import type { OutboxRecord } from "#shared/wire/record.ts";
import type { Entries, EntryLookup } from "#shared/hot/entries.ts";
import { views } from "#shared/hot/conversations.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Audiences } from "./audience.ts";
import { joinedJson, leftJson, ownJson, readJson } from "./events.ts";
import type { Placed } from "./placed.ts";
import { Plan, switchOp } from "./plan.ts";

interface MemberChange {
  users: string[];
  change: "joined" | "left" | "removed" | "role";
}

export interface Deps {
  hot: Hot;
  entries: Entries;
  audiences: Audiences;
  /** Told of each entry and how many inboxes it went to, or would have gone to. */
  traffic: (conversationId: string, mode: "w" | "r", kind: string, users: number) => void;
}

/** Turns records into what inboxes and rooms get. The audiences follow along. */
export async function planOf(deps: Deps, records: readonly Placed[]): Promise<Plan> {
  const changes = records.flatMap(({ record }) => (record.type === "entry" && record.letter === "b" ? [record] : []));
  const lookup = await deps.entries.load(changes);
  const plan = new Plan();
  for (const placed of records) {
    const { record } = placed;
    if (record.type === "entry" && (planHanded(deps, plan, record) || planMessage(deps, plan, record))) continue;
    if (record.type === "entry") await planEntry(deps, plan, record, lookup);
    else await planOwn(deps, plan, placed);
  }
  return plan;
}

type EntryRecord = Extract<OutboxRecord, { type: "entry" }>;

/** What its commit has handed over needs but be counted. False if it has not. */
function planHanded({ traffic }: Deps, plan: Plan, { conversationId, mode, handed }: EntryRecord): boolean {
  if (handed === null) return false;
  plan.handed.copies += handed.copies;
  if (mode === "r") plan.handed.roomEntries++;
  traffic(conversationId, mode, handed.single ? "s" : "", handed.copies);
  return true;
}

/** The many that are left: a message that is copied, with its audience at hand. False if it is another, which takes more. */
function planMessage({ audiences, traffic }: Deps, plan: Plan, { conversationId, seq, letter, id, count, mode }: EntryRecord): boolean {
  if (letter !== "m" || mode !== "w" || seq === 1) return false;
  const audience = audiences.peek(conversationId);
  if (audience === undefined) return false;
  const users = audience.at(seq);
  plan.entry({ conversationId, seq, id, pointer: entryPointer(letter, conversationId, seq, count, id) }, users);
  traffic(conversationId, mode, audience.kind, users.length);
  return true;
}

async function planEntry(deps: Deps, plan: Plan, record: EntryRecord, lookup: EntryLookup): Promise<void> {
  const { conversationId, seq, letter, id, count, mode } = record;
  const { audiences } = deps;
  const change = letter === "b" ? memberChange(lookup, record) : null;
  const audience = mode === "w" || letter === "o" ? await audiences.load(conversationId, seq) : audiences.peek(conversationId);
  if (mode === "w" && audience !== undefined) {
    const users = audience.at(seq);
    if (audience.kind === "s" && seq === 1) await planJoined(deps, plan, conversationId, 0, "w", users);
    if (change?.change === "joined") await planJoined(deps, plan, conversationId, seq, "w", change.users);
    const pointer = entryPointer(letter, conversationId, seq, count, id);
    if (letter === "o") {
      plan.add(switchOp({ conversationId, seq, id, pointer }), users);
      audiences.forget(conversationId);
    } else plan.entry({ conversationId, seq, id, pointer }, users);
    deps.traffic(conversationId, mode, audience.kind, users.length);
  } else {
    if (change?.change === "joined") await planJoined(deps, plan, conversationId, seq, "r", change.users);
    plan.room(conversationId, seq, letter === "o");
    if (letter === "o" && audience !== undefined) {
      plan.add({ letter: "W", conversationId, seq, extra: "", pointers: [] }, audience.at(seq));
    }
    deps.traffic(conversationId, mode, "", 0);
  }
  if (change === null) return;
  if (change.change === "joined") audience?.join(change.users, seq);
  else if (change.change !== "role") {
    await planLeft(deps, plan, conversationId, seq, change.users);
    audience?.leave(change.users, seq);
  }
}

function memberChange(lookup: EntryLookup, { conversationId, seq }: EntryRecord): MemberChange {
  const entry = lookup(conversationId, seq);
  if (entry === undefined) throw new Error(`entry ${seq} of conversation ${conversationId} is in no tier`);
  return JSON.parse(`{${entry.fields}}`) as MemberChange;
}

async function planJoined(
  deps: Deps,
  plan: Plan,
  conversationId: string,
  seq: number,
  mode: "w" | "r",
  users: readonly string[],
): Promise<void> {
  const events = await joinedJson(deps.hot, conversationId, users, seq, mode);
  const byJson = new Map<string, string[]>();
  for (const [user, json] of events) byJson.getOrInsertComputed(json, () => []).push(user);
  for (const [json, some] of byJson) {
    const state = json.includes('"kind":"feed"') ? "w" : "a";
    const pointer = eventPointer("J", conversationId, seq, Date.now(), mode, json);
    plan.add({ letter: "J", conversationId, seq, extra: `${state} ${mode}`, pointers: [pointer] }, some);
  }
}

async function planLeft(deps: Deps, plan: Plan, conversationId: string, seq: number, users: readonly string[]): Promise<void> {
  const [view] = await views(deps.hot, "", [conversationId]);
  if (view === null || view === undefined) return;
  const pointer = eventPointer("L", conversationId, seq, Date.now(), "-", leftJson(view, seq));
  plan.add({ letter: "L", conversationId, seq, extra: "", pointers: [pointer] }, users);
}

async function planOwn(deps: Deps, plan: Plan, { record, ordinal }: Placed): Promise<void> {
  const { conversationId } = record;
  if (record.type === "created") {
    const [view] = await views(deps.hot, "", [conversationId]);
    if (view === null || view === undefined) return;
    const single = view.conversation.kind === "single";
    const audience = await deps.audiences.load(conversationId, 0);
    const users = single ? [record.creator] : audience.at(1);
    await planJoined(deps, plan, conversationId, 0, firstMode(view.readIntervals), users);
  } else if (record.type === "follow") {
    const { user, on, seq, mode } = record;
    plan.add({ letter: "F", conversationId, seq, extra: `${on ? "+" : "-"} ${ordinal} ${mode}`, pointers: [] }, [user]);
    const audience = deps.audiences.peek(conversationId);
    if (on) audience?.join([user], seq);
    else audience?.leave([user], seq);
  } else if (record.type === "read" || record.type === "own") {
    const { user } = record;
    const json =
      record.type === "read"
        ? await readJson(deps.hot, conversationId, user, record.readSeq, record.count)
        : await ownJson(deps.hot, conversationId, user);
    if (json === null) return;
    const pointer = eventPointer("V", conversationId, 0, Date.now(), "-", json);
    plan.add({ letter: "V", conversationId, seq: 0, extra: `. ${ordinal} -`, pointers: [pointer] }, [user]);
  }
}

/** A conversation begins in read mode if its first interval does. */
const firstMode = (intervals: readonly { joined: number }[]): "w" | "r" => (intervals[0]?.joined === 0 ? "r" : "w");
