import { Refusal } from "#shared/wire/errors.ts";
import type { Handler } from "#shared/wire/ports.ts";
import { keys } from "#shared/hot/keys.ts";
import { parseMember } from "#shared/hot/member.ts";
import type { Deps } from "./deps.ts";
import { viewOf } from "./view.ts";

interface MembersParams {
  conversationId: string;
  cursor?: string | null;
  limit?: number;
}

/** Serves `conversation.members`, oldest first; the cursor is an ordinal of joining, so that who comes or goes shifts nobody. */
export function conversationMembers(deps: Deps): Handler {
  const { hot } = deps;
  return async ({ conversationId, cursor, limit = 50 }: MembersParams, { user }) => {
    const view = await viewOf(deps, conversationId, user);
    const { kind, owner } = view.conversation;
    if (kind === "feed") {
      const record = owner === null ? null : parseMember((await hot.redis.hget(keys.head(conversationId), `@${owner}`)) ?? "");
      return { members: record === null ? [] : [{ user: owner, role: "owner", joinedAt: record.joinedAt }], cursor: null };
    }
    const after = cursor === undefined || cursor === null ? 0 : ordinalOf(cursor);
    const page = await hot.redis.zrangebyscore(keys.order(conversationId), `(${after}`, "+inf", "WITHSCORES", "LIMIT", 0, limit + 1);
    const users = page.filter((_, i) => i % 2 === 0).slice(0, limit);
    const records = users.length === 0 ? [] : await hot.redis.hmget(keys.head(conversationId), ...users.map((one) => `@${one}`));
    const members = users.flatMap((one, i) => {
      const record = parseMember(records[i] ?? "");
      return record === null ? [] : [{ user: one, role: record.role, joinedAt: record.joinedAt }];
    });
    return { members, cursor: page.length / 2 > limit ? Buffer.from(page[limit * 2 - 1] ?? "").toString("base64url") : null };
  };
}

function ordinalOf(cursor: string): number {
  const text = Buffer.from(cursor, "base64url").toString();
  if (!/^\d{1,15}$/.test(text)) throw new Refusal(107, "cursor is not one that a page gave");
  return Number(text);
}
