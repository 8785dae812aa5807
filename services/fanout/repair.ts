import { joinedJson } from "./events.ts";
import { entryPointer, eventPointer } from "#shared/wire/pointer.ts";
import { views, type View } from "#shared/hot/conversations.ts";
import type { InboxOp } from "#shared/hot/deliveries.ts";
import { userState, type InboxRecord } from "#shared/hot/users.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { type Gap, Plan, switchOp } from "./plan.ts";

/** Entries put by one step of a repair; the rest comes with the next one. */
const MOST = 1_000;

/**
 * Catch-up from the mailbox: what a user's inbox lacks of a conversation up to the entry that did not fit, and that entry. The stay decides
 * what belongs there, the read intervals what the room has delivered instead.
 */
export async function repairPlan(deps: { hot: Hot; entries: Entries }, { user, op }: Gap): Promise<Plan> {
  const plan = new Plan();
  const self = [user];
  const { conversationId } = op;
  const [view] = await views(deps.hot, user, [conversationId]);
  const stay = view?.stays.find(({ joined, left }) => joined < op.seq && op.seq <= left);
  if (view === null || view === undefined || stay === undefined) return plan;
  const record = (await userState(deps.hot, user)).records.get(conversationId);
  let last = record?.state === "former" ? -1 : (record?.last ?? -1);
  const reading = (seq: number) => view.readIntervals.find(({ joined, left }) => joined < seq && seq <= left);
  if (last < stay.joined) {
    plan.add(await beginning(deps.hot, view, user, stay.joined, reading(stay.joined + 1) === undefined ? "w" : "r", record), self);
    last = stay.joined;
  }
  const to = Math.min(op.seq, last + MOST);
  const wanted = Array.from({ length: to - last }, (_, i) => ({ conversationId, seq: last + 1 + i }));
  const lookup = await deps.entries.load(wanted);
  for (const { seq } of wanted) {
    const interval = reading(seq);
    const entry = lookup(conversationId, seq);
    if (interval !== undefined) {
      if (seq === interval.left) plan.add({ letter: "W", conversationId, seq, extra: "", pointers: [] }, self);
    } else if (entry !== undefined) {
      const pointer = entryPointer(entry.letter, conversationId, seq, entry.count, entry.id);
      if (entry.letter === "o") plan.add(switchOp({ conversationId, seq, id: entry.id, pointer }), self);
      else plan.entry({ conversationId, seq, id: entry.id, pointer }, self);
    }
  }
  return plan;
}

/** The step that begins a stay: an event of being in, or, of a feed that is followed, the record alone. */
async function beginning(
  hot: Hot,
  { conversation }: View,
  user: string,
  seq: number,
  mode: "w" | "r",
  record: InboxRecord | undefined,
): Promise<InboxOp> {
  const { id: conversationId, kind, owner } = conversation;
  if (kind === "feed" && owner !== user) {
    const ordinal = BigInt(record?.ordinal ?? "0") + 1n;
    return { letter: "F", conversationId, seq, extra: `+ ${ordinal} ${mode}`, pointers: [] };
  }
  const json = (await joinedJson(hot, conversationId, [user], seq, mode)).get(user) ?? "";
  const pointer = eventPointer("J", conversationId, seq, Date.now(), mode, json);
  return { letter: "J", conversationId, seq, extra: `${kind === "feed" ? "w" : "a"} ${mode}`, pointers: [pointer] };
}
