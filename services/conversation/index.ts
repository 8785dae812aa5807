import { join, leave, read, update, type FieldChange } from "#shared/hot/changes.ts";
import { blockersOf } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { flags } from "#shared/hot/member.ts";
import { totalOf, unreadCounts } from "#shared/hot/standings.ts";
import { listedIds } from "#shared/hot/users.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { Json } from "#shared/wire/json.ts";
import type { Caller, Handler } from "#shared/wire/ports.ts";
import { createConversation, type CreateParams } from "./create.ts";
import type { Deps } from "./deps.ts";
import { conversationList, unreadGet } from "./list.ts";
import { conversationMembers } from "./members.ts";
import { once, type Attempt } from "#shared/hot/once.ts";
import { settled, shown, shownJson, viewOf } from "./view.ts";

interface Of {
  conversationId: string;
}

/** The methods of the conversation station, by name. */
export function conversationMethods(deps: Deps): Map<string, Handler> {
  const changing = {
    "conversation.create": (params: CreateParams, caller: Caller, attempt: Attempt) => create(deps, params, caller, attempt),
    "conversation.update": (params: UpdateParams, caller: Caller) => change(deps, params, caller),
    "conversation.add": (params: Of & { users: string[] }, caller: Caller) => alter(deps, params, caller, "add"),
    "conversation.remove": (params: Of & { users: string[] }, caller: Caller) => alter(deps, params, caller, "remove"),
    "conversation.join": (params: Of, caller: Caller) => enter(deps, params, caller),
    "conversation.leave": (params: Of, caller: Caller) => exit(deps, params, caller),
    "message.read": (params: Of & { seq: number }, caller: Caller) => markRead(deps, params, caller),
  };
  return new Map<string, Handler>([
    ...Object.entries(changing).map(([method, work]): [string, Handler] => [method, once(deps, method, work)]),
    [
      "conversation.get",
      async ({ conversationId }: Of, { user }) => new Json(`{"conversation":${await shownJson(deps, conversationId, user)}}`),
    ],
    ["conversation.list", conversationList(deps)],
    ["conversation.members", conversationMembers(deps)],
    ["unread.get", unreadGet(deps)],
  ]);
}

async function create(deps: Deps, params: CreateParams, caller: Caller, attempt: Attempt): Promise<object> {
  const claimed = params.kind === "group" ? await attempt.claim(() => deps.conversationIds.next()) : null;
  const id = await createConversation(deps, params, caller, claimed);
  await settled(deps);
  return { conversation: await shown(deps, id, caller.user) };
}

interface UpdateParams extends Of {
  title?: string;
  history?: "joined" | "all";
  join?: "invite" | "open";
  meta?: unknown;
  muted?: boolean;
  pinned?: boolean;
  markedUnread?: boolean;
}

async function change(deps: Deps, params: UpdateParams, { user }: Caller): Promise<object> {
  const { conversationId, title, history, join: rule, meta } = params;
  const fields: FieldChange[] = [];
  if (title !== undefined) fields.push(["t", title, `"title":${JSON.stringify(title)}`]);
  if (history !== undefined) fields.push(["h", history.charAt(0), `"history":"${history}"`]);
  if (rule !== undefined) fields.push(["j", rule.charAt(0), `"join":"${rule}"`]);
  if (meta !== undefined) fields.push(["x", JSON.stringify(meta), `"meta":${JSON.stringify(meta)}`]);
  const own = { set: 0, clear: 0 };
  for (const name of ["muted", "pinned", "markedUnread"] as const) {
    if (params[name] === true) own.set |= flags[name];
    if (params[name] === false) own.clear |= flags[name];
  }
  if (fields.length > 0) await refuseFeedRules(deps, params, user);
  await update(deps, conversationId, user, fields, own);
  await settled(deps);
  return { conversation: await shown(deps, conversationId, user) };
}

/** Feeds are open to all that was before, so their rules stay. */
async function refuseFeedRules(deps: Deps, { conversationId, history, join: rule }: UpdateParams, user: string): Promise<void> {
  if (history === undefined && rule === undefined) return;
  const { conversation } = await viewOf(deps, conversationId, user);
  if (conversation.kind === "feed") throw new Refusal(107, `${history === undefined ? "join" : "history"} of a feed cannot change`);
}

async function alter(
  deps: Deps,
  { conversationId, users }: Of & { users: string[] },
  { user }: Caller,
  way: "add" | "remove",
): Promise<object> {
  const unique = [...new Set(users)];
  const skipped = way === "add" ? await add(deps, conversationId, user, unique) : await leave(deps, conversationId, user, "remove", unique);
  await settled(deps);
  // An admin who removed themselves is told what is left to them: nothing.
  if (way === "remove" && unique.includes(user)) return { conversation: null, skipped };
  return { conversation: await shown(deps, conversationId, user), skipped };
}

/** Who blocks the caller is passed over like who is in already. */
async function add(deps: Deps, conversationId: string, user: string, users: readonly string[]): Promise<string[]> {
  const blockers = await blockersOf(deps.hot, user, users);
  const wanted = users.filter((one) => !blockers.has(one));
  return [...(await join(deps, conversationId, user, "add", wanted)), ...blockers];
}

async function enter(deps: Deps, { conversationId }: Of, { user }: Caller): Promise<object> {
  const author = await authorOf(deps, conversationId);
  if (author === null) await join(deps, conversationId, user, "join", [user]);
  else if (author !== user) await deps.relations.follow(user, author, true);
  await settled(deps);
  return { conversation: await shown(deps, conversationId, user) };
}

async function exit(deps: Deps, { conversationId }: Of, { user }: Caller): Promise<object> {
  const author = await authorOf(deps, conversationId);
  if (author === null || author === user) await leave(deps, conversationId, user, "leave", [user]);
  else {
    await viewOf(deps, conversationId, user);
    await deps.relations.follow(user, author, false);
  }
  await settled(deps);
  return {};
}

/** Whose feed the conversation is; null if it is none. */
async function authorOf({ hot }: Deps, conversationId: string): Promise<string | null> {
  const [kind, owner = null] = await hot.redis.hmget(keys.head(conversationId), "k", "w");
  return kind === "f" ? owner : null;
}

async function markRead(deps: Deps, { conversationId, seq }: Of & { seq: number }, { user }: Caller): Promise<object> {
  const { hot } = deps;
  const { readSeq, unread } = await read(hot, conversationId, user, seq, deps.coldCount);
  const counts = await unreadCounts(hot, user, await listedIds(hot, user));
  const own = counts.find((one) => one.conversationId === conversationId)?.unread ?? unread;
  return { readSeq, unread: own, total: totalOf(counts) };
}
