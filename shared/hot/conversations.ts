import type { Conversation, ConversationKind } from "#shared/wire/values.ts";
import { messageJson, parseEntry, type Entry } from "#shared/wire/entry.ts";
import { keys } from "./keys.ts";
import { parseIntervals, parseMember, staysOf, type Member, type Stay } from "./member.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

export const kinds = { s: "single", g: "group", f: "feed", v: "service" } as const satisfies Record<string, ConversationKind>;

/** A conversation as one user sees it, read at one moment. */
export interface View {
  conversation: Conversation;
  epoch: string;
  lastId: string;
  member: Member | null;
  stays: Stay[];
  readIntervals: Stay[];
  base: number;
  /** Seq of the newest message, 0 if there is none. */
  newest: number;
  /** The newest message, where it is hot. */
  newestEntry: Entry | null;
}

/** Reads conversations as a user sees them; null where there is none. `last` is left to the caller: see `lastJson`. */
export async function views(hot: Hot, user: string, conversationIds: readonly string[]): Promise<(View | null)[]> {
  if (conversationIds.length === 0) return [];
  const touched = conversationIds.flatMap((id) => [keys.head(id), keys.mailbox(id), keys.past(id)]);
  const rows = await spread<string[]>(hot, "view", { keys: touched, each: 3, args: [user] });
  return rows.map((row, i) => (row.length === 0 ? null : parseView(user, conversationIds[i] as string, row)));
}

function parseView(user: string, id: string, row: string[]): View {
  const [fields = "", title = "", meta = "", entry = ""] = row;
  const [seq, count, lastId = "0", mode, kindLetter, epoch = "", createdAt, owner = "", history, join, ...more] = fields.split("|");
  const [members, intervals = "", newest, base, own = "", peerRecord = "", past = ""] = more;
  const kind = kinds[kindLetter as keyof typeof kinds];
  const member = parseMember(own);
  const peer = parseMember(peerRecord);
  const conversation: Conversation = {
    id,
    kind,
    title: kind === "single" ? null : title,
    owner: kind === "single" || owner === "" ? null : owner,
    ...(kind === "single" ? { peer: { user: peerOf(title, user), readSeq: peer?.readSeq ?? 0 } } : {}),
    members: Number(members),
    mode: mode === "r" ? "read" : "write",
    seq: Number(seq),
    count: Number(count),
    createdAt: Number(createdAt),
    history: history === "a" ? "all" : "joined",
    join: join === "o" ? "open" : "invite",
    ...(meta === "" ? {} : { meta: JSON.parse(meta) as unknown }),
  };
  if (member !== null) conversation.my = myOf(member, Number(count));
  return {
    conversation,
    epoch,
    lastId,
    member,
    stays: staysOf(member, past),
    readIntervals: parseIntervals(intervals),
    base: Number(base),
    newest: Number(newest),
    newestEntry: entry === "" ? null : parseEntry(id, Number(newest), entry),
  };
}

/** The pair of a single conversation stands where a group has its title: "a b". */
export const pairTitle = (a: string, b: string): string => [a, b].toSorted().join(" ");
const peerOf = (pair: string, user: string): string => {
  const [a = "", b = ""] = pair.split(" ");
  return a === user ? b : a;
};

/** `my` of a conversation object. */
export function myOf(member: Member, count: number): NonNullable<Conversation["my"]> {
  return {
    role: member.role === "follower" ? "member" : member.role,
    joinedSeq: member.joinedSeq,
    readSeq: member.readSeq,
    unread: Math.max(0, count - member.base),
    mentioned: null,
    muted: member.muted,
    pinned: member.pinned,
    markedUnread: member.markedUnread,
  };
}

/** True if the user may read the entry at this seq. */
export function mayRead(view: Pick<View, "stays" | "member"> & { historyAll: boolean }, seq: number): boolean {
  if (view.member !== null && view.historyAll) return true;
  return view.stays.some(({ joined, left }) => joined < seq && seq <= left);
}

/** JSON of the newest message as the user may read it, as far as it is at hand; else ''. */
export function lastJson({ newestEntry: entry, conversation, ...rest }: View): string {
  const readable = entry !== null && mayRead({ ...rest, historyAll: conversation.history === "all" }, entry.seq);
  return readable ? messageJson(entry) : "";
}

/** A conversation object as JSON text, with the JSON of its newest message, or ''. */
export function conversationJson(conversation: Conversation, lastJson: string): string {
  const json = JSON.stringify(conversation);
  return lastJson === "" ? json : `${json.slice(0, -1)},"last":${lastJson}}`;
}
