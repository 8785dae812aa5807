import { compareDecimals } from "#shared/ids/decimals.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Handler } from "#shared/wire/ports.ts";
import { MAX_ANSWER_BYTES, type Conversation } from "#shared/wire/values.ts";
import { views, withLast, type View } from "#shared/hot/conversations.ts";
import { standings, totalOf, unreadCounts, type Standing, type UnreadCount } from "#shared/hot/standings.ts";
import { listedIds } from "#shared/hot/users.ts";
import type { Deps } from "./deps.ts";

/** The conversation with its newest message, which is looked for in every tier where the hot one does not hold it. */
export async function present(deps: Deps, user: string, view: View): Promise<Conversation> {
  const shown = withLast(view);
  if (shown.last !== undefined || view.newest === 0 || view.member === null) return shown;
  const last = await deps.newestMessage(view.conversation.id, user, view.conversation.seq).catch((thrown: unknown) => {
    if (thrown instanceof Refusal && thrown.code === 108) return null;
    throw thrown;
  });
  return last === null ? shown : { ...shown, last };
}

/** Place in a list by last activity: the time of the last entry or of the creation, ms, then the id. */
interface Place {
  at: number;
  id: string;
}

const before = (a: Place, b: Place): number => b.at - a.at || compareDecimals(b.id, a.id);

function parseCursor(cursor: string): Place {
  const [at, id = ""] = Buffer.from(cursor, "base64url").toString().split(" ");
  if (!/^\d{1,16}$/.test(at ?? "") || !/^\d{1,19}$/.test(id)) throw new Refusal(107, "cursor is not one that a page gave");
  return { at: Number(at), id };
}

const cursorOf = ({ at, id }: Place): string => Buffer.from(`${at} ${id}`).toString("base64url");

const countOfHead = (head: Standing): UnreadCount => ({
  conversationId: head.conversationId,
  unread: Math.max(0, head.count - (head.member?.base ?? 0)),
  counted: head.member?.muted === false && head.kind !== "f",
});

/** From the view, not the head read before it: what an answer shows is what its total is the sum of. */
const countOfView = ({ conversation: { id, kind, my } }: View): UnreadCount => ({
  conversationId: id,
  unread: my?.unread ?? 0,
  counted: my?.muted === false && kind !== "feed",
});

/** Serves `conversation.list`: heads of all one's conversations in one call, the page's conversations in another. */
export function conversationList(deps: Deps): Handler {
  const { hot, ids } = deps;
  const placeOf = ({ conversationId, lastId, createdAt }: Standing): Place => ({
    at: lastId === "0" ? createdAt : ids.timeOf(lastId),
    id: conversationId,
  });

  return async ({ cursor, limit = 50 }: { cursor?: string | null; limit?: number }, { user }) => {
    const from = cursor === undefined || cursor === null ? null : parseCursor(cursor);
    const heads = (await standings(hot, user, await listedIds(hot, user))).filter((head) => head.member !== null);
    const places = heads.map(placeOf).toSorted(before);
    const rest = from === null ? places : places.filter((place) => before(place, from) > 0);
    const page = rest.slice(0, limit);
    const found = await views(
      hot,
      user,
      page.map(({ id }) => id),
    );
    const conversations: Conversation[] = [];
    let bytes = 0;
    let end = 0;
    for (const view of found) {
      const shown = view === null || view.member === null ? null : await present(deps, user, view);
      bytes += shown === null ? 0 : Buffer.byteLength(JSON.stringify(shown));
      if (bytes > MAX_ANSWER_BYTES && conversations.length > 0) break;
      if (shown !== null) conversations.push(shown);
      end++;
    }
    const last = page[end - 1];
    const paged = new Set(page.map(({ id }) => id));
    const others = heads.filter(({ conversationId }) => !paged.has(conversationId));
    const total = totalOf([...found.flatMap((view) => (view === null ? [] : [countOfView(view)])), ...others.map(countOfHead)]);
    return { conversations, total, cursor: last !== undefined && rest.length > end ? cursorOf(last) : null };
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
