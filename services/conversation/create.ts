import { create } from "#shared/hot/changes.ts";
import { pairTitle } from "#shared/hot/conversations.ts";
import { blockersOf, has, mutuals } from "#shared/hot/facts.ts";
import { keys } from "#shared/hot/keys.ts";
import { bar } from "#shared/hot/relating.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Caller } from "#shared/wire/ports.ts";
import type { Deps } from "./deps.ts";

export type CreateParams =
  | { kind: "single"; user: string }
  | { kind: "group"; title: string; members: string[]; history?: "joined" | "all"; join?: "invite" | "open"; meta?: unknown }
  | { kind: "feed"; title?: string };

/**
 * Creates what was asked for, or finds the pair's single or the user's feed. Who blocks the creator does not come into their group. Resolves to the
 * conversation's id.
 * @param claimed id that an earlier try of the same call has taken; the conversation is made under it if it is not there
 */
export async function createConversation(deps: Deps, params: CreateParams, { user }: Caller, claimed: string | null): Promise<string> {
  if (params.kind === "single") return createSingle(deps, user, params.user);
  if (params.kind === "feed") return createFeed(deps, user, params.title ?? user);
  const id = claimed ?? (await deps.conversationIds.next());
  const { title, members, history = "joined", join = "invite", meta } = params;
  const others = [...new Set(members)].filter((one) => one !== user);
  const blockers = await blockersOf(deps.hot, user, others);
  await create(deps, {
    id,
    kind: "group",
    creator: user,
    owner: user,
    title,
    history,
    join,
    metaJson: meta === undefined ? "" : JSON.stringify(meta),
    members: [user, ...others.filter((one) => !blockers.has(one))],
  });
  return id;
}

/** The pair's entry is written first: who finds it creates the conversation if it is not there, so that no try leaves anything half done. */
async function createSingle(deps: Deps, user: string, other: string): Promise<string> {
  if (user === other) throw new Refusal(107, "user must be somebody else");
  const [a = "", b = ""] = [user, other].toSorted();
  const id = await taken(deps, keys.pair(a, b));
  await create(deps, {
    id,
    kind: "single",
    creator: user,
    owner: null,
    title: pairTitle(a, b),
    history: "all",
    join: "invite",
    metaJson: "",
    members: [user, other],
  });
  await barIfBlocked(deps, id, user, other);
  return id;
}

/** Looked at when the single is there: a block that comes later finds it and bars it itself. */
async function barIfBlocked({ hot }: Deps, id: string, user: string, other: string): Promise<void> {
  const [facts] = await mutuals(hot, user, [other]);
  const blocking = [facts?.mine, facts?.theirs].filter((fact) => fact !== undefined && has(fact, "b"));
  for (const fact of blocking) await bar(hot, id, fact?.version ?? 0, true);
}

/** Who followed before the feed was there is brought in once: what is noted of it outlives a crash. */
async function createFeed(deps: Deps, user: string, title: string): Promise<string> {
  const there = await deps.hot.redis.get(keys.feed(user));
  if (there !== null && (await deps.hot.redis.exists(keys.head(there))) === 1) return there;
  await deps.relations.feedComes(user);
  const id = await taken(deps, keys.feed(user));
  await create(deps, { id, kind: "feed", creator: user, owner: user, title, history: "all", join: "open", metaJson: "", members: [user] });
  await deps.relations.feedCame(user);
  return id;
}

async function taken({ hot, conversationIds }: Deps, key: string): Promise<string> {
  const there = await hot.redis.get(key);
  if (there !== null) return there;
  return (await hot.run("claim", [key], [await conversationIds.next()])) as string;
}
