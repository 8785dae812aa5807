/** Rows of the cold tier, field for field as the tables of the contract. 64-bit ids are decimal strings, times Unix milliseconds. */

export interface MessageRow {
  conversation_id: string;
  seq: number;
  message_id: string;
  prev: number;
  count: number;
  sender: string;
  kind: string;
  /** JSON */
  body: string;
  /** What a search finds. */
  text: string;
  at: number;
  /** 0: none */
  target: number;
  members: number;
  mode: string;
  revision: number;
  client_msg_id: string;
  /** JSON */
  extra: string;
}

export interface InboxRow {
  user: string;
  offset: number;
  type: string;
  conversation_id: string;
  /** 0: a user event */
  seq: number;
  message_id: string;
  at: number;
  timeline_key: string;
  epoch: string;
  /** JSON of a user event */
  data: string;
}

export interface ConversationRow {
  conversation_id: string;
  kind: string;
  title: string;
  owner: string;
  members: number;
  mode: string;
  history: string;
  join: string;
  /** JSON */
  meta: string;
  created_at: number;
  change: string;
  seq: number;
  at: number;
}

export interface MemberRow {
  conversation_id: string;
  user: string;
  change: "joined" | "left" | "removed" | "role";
  role: string;
  seq: number;
  by: string;
  at: number;
}

export interface RelationRow {
  user: string;
  other: string;
  change: string;
  alias: string;
  note: string;
  at: number;
}

export interface SessionRow {
  user: string;
  session: string;
  device: string;
  node: string;
  change: "connected" | "disconnected";
  at: number;
  duration_ms: number;
}

/** A time as ClickHouse reads it: `YYYY-MM-DD hh:mm:ss.mmm`, UTC. */
export function clickHouseTime(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondText = new Date(second * 1_000).toISOString().slice(0, 19).replace("T", " ");
  }
  return `${lastSecondText}.${String(ms - second * 1_000).padStart(3, "0")}`;
}
/** Rows come in the order of their times: most share the second of the one before. */
let lastSecond = Number.NaN;
let lastSecondText = "";

/** A row as JSON of ClickHouse gives it, 64-bit numbers quoted and times in milliseconds. */
export type RawRow<Row> = { [Field in keyof Row]: Row[Field] | string };

/** What an entry is made of again. */
export type EntryRow = Pick<
  MessageRow,
  "conversation_id" | "seq" | "message_id" | "count" | "sender" | "kind" | "body" | "revision" | "client_msg_id" | "extra"
>;

/** Columns of `messages` for an entry: the widest, what a search finds, is not among them. */
export const ENTRY_COLUMNS = "conversation_id, seq, message_id, count, sender, kind, body, revision, client_msg_id, extra";

/** Columns of `inbox` for a SELECT; `at` becomes milliseconds. */
export const INBOX_COLUMNS =
  "user, offset, type, conversation_id, seq, message_id, toUnixTimestamp64Milli(at) AS at_ms, timeline_key, epoch, data";

type Raw<Row> = RawRow<Omit<Row, "at">> & { at_ms: string };

export const toEntryRow = (raw: RawRow<EntryRow>): EntryRow => ({ ...(raw as EntryRow), seq: Number(raw.seq), count: Number(raw.count) });

export const toInbox = ({ at_ms, ...raw }: Raw<InboxRow>): InboxRow => ({
  ...(raw as InboxRow),
  offset: Number(raw.offset),
  seq: Number(raw.seq),
  at: Number(at_ms),
});
