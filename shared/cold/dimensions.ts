import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import type { ConversationRow, MemberRow } from "./rows.ts";
import { chunksOf, idLiteral, numberLiteral, stringLiteral } from "./sql.ts";

const KEYS_A_QUERY = 5_000;

export type ConversationKey = Pick<ConversationRow, "conversation_id" | "seq" | "change">;
export type MemberKey = Pick<MemberRow, "conversation_id" | "user" | "seq" | "change" | "at">;

/** One key a change of a conversation. */
export const conversationKey = ({ conversation_id, seq, change }: ConversationKey): string => `${conversation_id} ${seq} ${change}`;

/** One key a change of a member; the time is part of it, for following and unfollowing again writes no entry. */
export const memberKey = ({ conversation_id, user, seq, change, at }: MemberKey): string =>
  `${conversation_id} ${user} ${seq} ${change} ${at}`;

/** Which changes are in the dimension tables. */
export interface DimensionKeys {
  /** As `conversationKey`s. */
  existingConversations(keys: readonly ConversationKey[]): Promise<Set<string>>;
  /** As `memberKey`s. */
  existingMembers(keys: readonly MemberKey[]): Promise<Set<string>>;
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
});
