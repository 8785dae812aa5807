import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import type { ConversationRow, MemberRow, RelationRow, SessionRow } from "./rows.ts";
import { chunksOf, idLiteral, numberLiteral, stringLiteral } from "./sql.ts";

const KEYS_A_QUERY = 5_000;

export type ConversationKey = Pick<ConversationRow, "conversation_id" | "seq" | "change">;
export type MemberKey = Pick<MemberRow, "conversation_id" | "user" | "seq" | "change" | "at">;

/** One key a change of a conversation. */
export const conversationKey = ({ conversation_id, seq, change }: ConversationKey): string => `${conversation_id} ${seq} ${change}`;

/** One key a change of a member; the time is part of it, for following and unfollowing again writes no entry. */
export const memberKey = ({ conversation_id, user, seq, change, at }: MemberKey): string =>
  `${conversation_id} ${user} ${seq} ${change} ${at}`;

export type SessionKey = Pick<SessionRow, "user" | "session" | "change">;

/** One key a beginning or end of a connection. */
export const sessionKey = ({ user, session, change }: SessionKey): string => `${user} ${session} ${change}`;

export type RelationKey = Pick<RelationRow, "user" | "other" | "change" | "at">;

/** One key a change of a relation. */
export const relationKey = ({ user, other, change, at }: RelationKey): string => `${user} ${other} ${change} ${at}`;

/** Which changes are in the dimension tables. */
export interface DimensionKeys {
  /** As `conversationKey`s. */
  existingConversations(keys: readonly ConversationKey[]): Promise<Set<string>>;
  /** As `memberKey`s. */
  existingMembers(keys: readonly MemberKey[]): Promise<Set<string>>;
  /** As `sessionKey`s. */
  existingSessions(keys: readonly SessionKey[]): Promise<Set<string>>;
  /** As `relationKey`s. */
  existingRelations(keys: readonly RelationKey[]): Promise<Set<string>>;
}

type Raw<Key> = { [Field in keyof Key]: string };

export const createDimensionKeys = (client: ClickHouseClient): DimensionKeys => ({
  async existingConversations(keys) {
    const found = new Set<string>();
    for (const chunk of chunksOf(keys, KEYS_A_QUERY)) {
      const tuples = chunk.map(({ conversation_id, seq }) => `(${idLiteral(conversation_id)},${numberLiteral(seq)})`);
      const query = `SELECT DISTINCT conversation_id, seq, change FROM tributary.conversations WHERE (conversation_id, seq) IN (${tuples.join(",")})`;
      const rows = await ask(client, query, (raw: Raw<ConversationKey>) => ({ ...raw, seq: Number(raw.seq) }));
      for (const row of rows) found.add(conversationKey(row));
    }
    return found;
  },
  async existingMembers(keys) {
    const found = new Set<string>();
    for (const chunk of chunksOf(keys, KEYS_A_QUERY)) {
      const tuples = chunk.map(
        ({ conversation_id, user, seq }) => `(${idLiteral(conversation_id)},${stringLiteral(user)},${numberLiteral(seq)})`,
      );
      const query = `SELECT DISTINCT conversation_id, user, seq, change, toUnixTimestamp64Milli(at) AS at_ms FROM tributary.members
        WHERE (conversation_id, user, seq) IN (${tuples.join(",")})`;
      const rows = await ask(client, query, (raw: Raw<Omit<MemberRow, "at">> & { at_ms: string }) => raw);
      for (const { at_ms, ...row } of rows)
        found.add(memberKey({ ...row, change: row.change as MemberRow["change"], seq: Number(row.seq), at: Number(at_ms) }));
    }
    return found;
  },
  async existingSessions(keys) {
    const found = new Set<string>();
    for (const chunk of chunksOf(keys, KEYS_A_QUERY)) {
      const tuples = chunk.map(({ user, session }) => `(${stringLiteral(user)},${stringLiteral(session)})`);
      const query = `SELECT DISTINCT user, session, change FROM tributary.sessions WHERE (user, session) IN (${tuples.join(",")})`;
      for (const row of await ask(client, query, (raw: Raw<SessionKey>) => raw)) found.add(sessionKey(row as SessionKey));
    }
    return found;
  },
  async existingRelations(keys) {
    const found = new Set<string>();
    for (const chunk of chunksOf(keys, KEYS_A_QUERY)) {
      const tuples = chunk.map(({ user, other }) => `(${stringLiteral(user)},${stringLiteral(other)})`);
      const query = `SELECT DISTINCT user, other, change, toUnixTimestamp64Milli(at) AS at_ms FROM tributary.relations
        WHERE (user, other) IN (${tuples.join(",")})`;
      const rows = await ask(client, query, (raw: Raw<Omit<RelationKey, "at">> & { at_ms: string }) => raw);
      for (const { at_ms, ...row } of rows) found.add(relationKey({ ...row, at: Number(at_ms) }));
    }
    return found;
  },
});
