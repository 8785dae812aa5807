import type { ConversationRow, MemberRow } from "#shared/cold/rows.ts";
import { kinds } from "#shared/hot/conversations.ts";
import { keys } from "#shared/hot/keys.ts";
import { parseMember, parseStays } from "#shared/hot/member.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import type { Entry } from "#shared/wire/entry.ts";
import type { OutboxRecord } from "#shared/wire/record.ts";
import type { Batch } from "./batch.ts";
import { runPipeline } from "./streams.ts";

/** A conversation as its head says it now. */
type Head = Omit<ConversationRow, "change" | "seq" | "at">;

async function heads(hot: Hot, conversationIds: readonly string[]): Promise<Map<string, Head>> {
  const pipeline = hot.pipeline();
  for (const id of conversationIds) pipeline.hmget(keys.head(id), "k", "c", "w", "t", "h", "j", "x", "z", "m");
  const rows = await runPipeline<(string | null)[]>(pipeline);
  const found = new Map<string, Head>();
  for (const [i, [kind, createdAt, owner, title, history, join, meta, members, mode]] of rows.entries()) {
    if (kind === null || kind === undefined) continue;
    const id = conversationIds[i] as string;
    found.set(id, {
      conversation_id: id,
      kind: kinds[kind as keyof typeof kinds],
      title: kind === "s" ? "" : (title ?? ""),
      owner: kind === "s" ? "" : (owner ?? ""),
      members: Number(members),
      mode: mode === "r" ? "read" : "write",
      history: history === "a" ? "all" : "joined",
      join: join === "o" ? "open" : "invite",
      meta: meta ?? "",
      created_at: Number(createdAt),
    });
  }
  return found;
}

interface MemberFields {
  users: string[];
  change: MemberRow["change"];
  by?: string;
  role?: string;
  owner?: string;
}

/** Adds the rows of entries that change a conversation (update, mode, a new owner) or its members. */
export async function changesOf(hot: Hot, batch: Batch, entries: readonly Entry[]): Promise<void> {
  const known = await heads(hot, [...new Set(entries.map(({ conversationId }) => conversationId))]);
  for (const entry of entries) {
    const at = timeOf(entry.id);
    const head = known.get(entry.conversationId);
    const fields = JSON.parse(`{${entry.fields}}`) as Partial<MemberFields> & { mode?: string };
    if (entry.letter === "b") addMembers(batch, entry, fields as MemberFields, at);
    if (head === undefined) continue;
    const owner = fields.owner ?? (fields.change === "role" && fields.role === "owner" ? fields.users?.[0] : undefined);
    if (entry.letter === "u") batch.conversations.push({ ...head, change: "updated", seq: entry.seq, at });
    else if (entry.letter === "o")
      batch.conversations.push({ ...head, mode: fields.mode ?? head.mode, change: "mode", seq: entry.seq, at });
    else if (owner !== undefined) batch.conversations.push({ ...head, owner, change: "owner", seq: entry.seq, at });
  }
}

function addMembers(
  batch: Batch,
  { conversationId, seq }: Entry,
  { users, change, by = "", role = "member", owner }: MemberFields,
  at: number,
): void {
  const gone = change === "left" || change === "removed";
  const common = { conversation_id: conversationId, seq, by, at };
  for (const user of users) batch.members.push({ ...common, user, change, role: gone ? "" : role });
  if (owner !== undefined) batch.members.push({ ...common, user: owner, change: "role", role: "owner" });
}

/** A record of the outbox that is no entry, with the time it was written (ms). */
export interface TimedRecord {
  record: OutboxRecord;
  at: number;
}

/** Adds the rows of conversations created, with their first members, and of feeds followed and unfollowed. */
export async function addChanges(hot: Hot, batch: Batch, records: readonly TimedRecord[]): Promise<void> {
  const created = records.flatMap(({ record }) => (record.type === "created" ? [record] : []));
  const known =
    created.length === 0
      ? new Map<string, Head>()
      : await heads(
          hot,
          created.map(({ conversationId }) => conversationId),
        );
  for (const { conversationId, creator } of created) {
    const head = known.get(conversationId);
    if (head === undefined) continue;
    const at = head.created_at;
    batch.conversations.push({ ...head, change: "created", seq: 0, at });
    const users = head.kind === "feed" ? [head.owner] : await firstMembers(hot, conversationId);
    const row = { conversation_id: conversationId, change: "joined", seq: 0, by: creator, at } as const;
    for (const user of users) batch.members.push({ ...row, user, role: user === creator && head.kind !== "single" ? "owner" : "member" });
  }
  for (const { record, at } of records) {
    if (record.type !== "follow") continue;
    const { conversationId, user, on, seq } = record;
    const row = { conversation_id: conversationId, user, seq, by: user, at };
    batch.members.push(on ? { ...row, change: "joined", role: "follower" } : { ...row, change: "left", role: "" });
  }
}

/** Who was in a conversation from its seq 0 on, also if they have left since. */
async function firstMembers(hot: Hot, conversationId: string): Promise<string[]> {
  const row = (await hot.run(
    "audience",
    [keys.head(conversationId), keys.past(conversationId), keys.leavers(conversationId), keys.order(conversationId)],
    [0],
  )) as string[];
  const people = row.slice(4);
  const cut = people.indexOf("");
  const first = new Set<string>();
  for (const [i, line] of people.entries()) {
    const space = line.indexOf(" ");
    const [user, record] = [line.slice(0, space), line.slice(space + 1)];
    const joined = i < cut ? parseMember(record)?.joinedSeq : i > cut ? parseStays(record)[0]?.joined : undefined;
    if (joined === 0) first.add(user);
  }
  return [...first];
}
