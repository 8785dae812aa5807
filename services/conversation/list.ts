import { compareDecimals } from "#shared/ids/decimals.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { Json } from "#shared/wire/json.ts";
import type { Handler } from "#shared/wire/ports.ts";
import { createRoom } from "#shared/wire/room.ts";
import { conversationJson, lastJson, views, type View } from "#shared/hot/conversations.ts";
import { totalOf, unreadCounts, type Activity, type UnreadCount } from "#shared/hot/standings.ts";
import { listedIds } from "#shared/hot/users.ts";
import type { Deps } from "./deps.ts";

/** JSON of the conversation with its newest message, which is looked for in every tier where the hot one does not hold it. */
export async function present(deps: Deps, user: string, view: View): Promise<string> {
  const atHand = lastJson(view);
  if (atHand !== "" || view.newest === 0 || view.member === null) return conversationJson(view.conversation, atHand);
  const last = await deps.newestMessage(view.conversation.id, user, view.conversation.seq).catch((thrown: unknown) => {
    if (thrown instanceof Refusal && thrown.code === 108) return null;
    throw thrown;
  });
  return conversationJson(view.conversation, last ?? "");
}

/** Place in a list by last activity, newest first; of two that were active in the same moment the higher id comes first. */
type Place = Pick<Activity, "active" | "conversationId">;

const before = (a: Place, b: Place): number => b.active - a.active || compareDecimals(b.conversationId, a.conversationId);

function parseCursor(cursor: string): Place {
  const [active = "", conversationId = ""] = Buffer.from(cursor, "base64url").toString().split(" ");
  if (!/^\d{1,20}$/.test(active) || !/^\d{1,19}$/.test(conversationId)) throw new Refusal(107, "cursor is not one that a page gave");
  return { active: Number(active), conversationId };
}

const cursorOf = ({ active, conversationId }: Place): string => Buffer.from(`${BigInt(active)} ${conversationId}`).toString("base64url");

/** The first so many in order. Of a long list only those are sorted that can be among them. */
function firstOf(all: readonly Activity[], count: number): Activity[] {
  if (all.length <= 2 * count) return all.toSorted(before).slice(0, count);
  const times = Float64Array.from(all, ({ active }) => active).sort();
  const least = times[times.length - count] as number;
  return all
    .filter(({ active }) => active >= least)
    .toSorted(before)
    .slice(0, count);
}

/** From the view, not the head read before it: what an answer shows is what its total is the sum of. */
const countOfView = ({ conversation: { id, kind, my } }: View): UnreadCount => ({
  conversationId: id,
  unread: my?.unread ?? 0,
  counted: my?.muted === false && kind !== "feed",
});

const ENVELOPE_BYTES = 1_024;

/** Serves `conversation.list`: of all one's conversations the order and the unread counts in one call, the page's conversations in another. */
export function conversationList(deps: Deps): Handler {
  const { hot } = deps;
  return async ({ cursor, limit = 50 }: { cursor?: string | null; limit?: number }, { user }) => {
    const from = cursor === undefined || cursor === null ? null : parseCursor(cursor);
    const all = await unreadCounts(hot, user, await listedIds(hot, user));
    const rest = from === null ? all : all.filter((place) => before(place, from) > 0);
    const page = firstOf(rest, limit);
    const found = await views(
      hot,
      user,
      page.map(({ conversationId }) => conversationId),
    );
    const conversations: string[] = [];
    const room = createRoom(ENVELOPE_BYTES);
    let end = 0;
    for (const view of found) {
      const shown = view === null || view.member === null ? null : await present(deps, user, view);
      if (shown !== null && !room.take(shown)) break;
      if (shown !== null) conversations.push(shown);
      end++;
    }
    // The total is of what all these views were read as, and of the rest as it was a moment before.
    const total = totalOf(all) - totalOf(page) + totalOf(found.flatMap((view) => (view === null ? [] : [countOfView(view)])));
    const last = page[end - 1];
    const next = last !== undefined && rest.length > end ? `"${cursorOf(last)}"` : "null";
    return new Json(`{"conversations":[${conversations.join(",")}],"total":${total},"cursor":${next}}`);
  };
}

/** Serves `unread.get`. */
export function unreadGet({ hot }: Deps): Handler {
  return async (_params: object, { user }) => {
    const counts = await unreadCounts(hot, user, await listedIds(hot, user));
    const conversations = Object.fromEntries(
      counts.filter((one) => one.counted && one.unread > 0).map((one) => [one.conversationId, one.unread]),
    );
    return { total: totalOf(counts), conversations };
  };
}
