import { joinedJson } from "./events.ts";
import { entryPointer, eventPointer } from "#shared/wire/pointer.ts";
import { views } from "#shared/hot/conversations.ts";
import { userState } from "#shared/hot/users.ts";
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
    const mode = reading(stay.joined + 1) === undefined ? "w" : "r";
    const json = (await joinedJson(deps.hot, conversationId, [user], stay.joined, mode)).get(user) ?? "";
    const state = view.conversation.kind === "feed" ? (view.member?.role === "follower" ? "f" : "w") : "a";
    const pointer = eventPointer("J", conversationId, stay.joined, Date.now(), mode, json);
    plan.add({ letter: "J", conversationId, seq: stay.joined, extra: `${state} ${mode}`, pointers: [pointer] }, self);
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
