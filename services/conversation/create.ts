import { create } from "#shared/hot/changes.ts";
import { pairTitle } from "#shared/hot/conversations.ts";
import { keys } from "#shared/hot/keys.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Caller } from "#shared/wire/ports.ts";
import type { Deps } from "./deps.ts";

export type CreateParams =
  | { kind: "single"; user: string }
  | { kind: "group"; title: string; members: string[]; history?: "joined" | "all"; join?: "invite" | "open"; meta?: unknown }
  | { kind: "feed"; title?: string };

/**
 * Creates what was asked for, or finds the pair's single or the user's feed. Resolves to the conversation's id.
 * @param claimed id that an earlier try of the same call has taken; the conversation is made under it if it is not there
 */
export async function createConversation(deps: Deps, params: CreateParams, { user }: Caller, claimed: string | null): Promise<string> {
  if (params.kind === "single") return createSingle(deps, user, params.user);
  if (params.kind === "feed") return createFeed(deps, user, params.title ?? user);
  const id = claimed ?? (await deps.conversationIds.next());
  const { title, members, history = "joined", join = "invite", meta } = params;
  const all = [...new Set([user, ...members])];
  await create(deps, {
    id,
    kind: "group",
    creator: user,
    owner: user,
    title,
    history,
    join,
    metaJson: meta === undefined ? "" : JSON.stringify(meta),
    members: all,
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
  return id;
}

async function createFeed(deps: Deps, user: string, title: string): Promise<string> {
  const id = await taken(deps, keys.feed(user));
  await create(deps, { id, kind: "feed", creator: user, owner: user, title, history: "all", join: "open", metaJson: "", members: [user] });
  return id;
}

async function taken({ hot, conversationIds }: Deps, key: string): Promise<string> {
  const there = await hot.redis.get(key);
  if (there !== null) return there;
  const id = await conversationIds.next();
  return (await hot.redis.set(key, id, "NX")) === "OK" ? id : ((await hot.redis.get(key)) ?? id);
}
