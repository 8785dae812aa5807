import { Type, type TSchema } from "typebox";
import * as v from "./values.ts";

/**
 * The events: what the `data` of a publication may be. The one home of their shapes: the reference is made from here, and what the stations
 * make is held against it by tests. Clients ignore types and fields that they do not know, so objects may have more than is named.
 */
export interface EventRow {
  about: string;
  /** `entry`: stored in the conversation, the same in inbox, channel and history. `user`: stored in one's inbox. `live`: on `live:<user>`, not recovered. */
  kind: "entry" | "user" | "live";
  data: TSchema;
  /** Not made by this build yet. */
  later?: boolean;
}

const O = Type.Optional;
const L = Type.Literal;
const one = (...words: string[]) => Type.Union(words.map((word) => L(word)));
const count = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
const Time = count("ms since 1970");
const Id = Type.String({ pattern: "^[0-9]{1,20}$", description: "Snowflake as a decimal string" });

/** Where an entry stands. */
const placed = {
  conversationId: v.ConversationId,
  seq: v.Seq,
  prev: count("the seq before this one"),
  count: count("countable messages up to and with this seq"),
  at: Time,
};

export const Message = Type.Object(
  {
    id: Id,
    ...placed,
    from: v.UserId,
    kind: one(...v.messageKinds),
    body: Type.Unknown({ description: "by kind; null once recalled" }),
    clientMsgId: v.RequestId,
    clientSeq: O(count("the sender's own number")),
    mentions: O(Type.Array(v.UserId)),
    replyTo: O(v.Seq),
    edited: O(Type.Object({ at: Time, revision: count("edits so far") })),
    recalled: O(Type.Object({ at: Time, by: v.UserId })),
    reactions: O(Type.Record(Type.String(), Type.Object({ n: count("how many"), mine: Type.Boolean() }))),
  },
  { title: "Message" },
);

const My = Type.Object({
  role: v.Role,
  joinedSeq: count("entries after it are one's own to read"),
  readSeq: count("read up to here"),
  unread: count("countable messages after it"),
  mentioned: Type.Union([v.Seq, Type.Null()]),
  muted: Type.Boolean(),
  pinned: Type.Boolean(),
  markedUnread: Type.Boolean(),
});

export const Conversation = Type.Object(
  {
    id: v.ConversationId,
    kind: one("single", "group", "feed", "service"),
    title: Type.Union([Type.String(), Type.Null()]),
    owner: Type.Union([v.UserId, Type.Null()]),
    peer: O(Type.Object({ user: v.UserId, readSeq: count("read up to here") })),
    members: count("how many"),
    mode: one("write", "read"),
    seq: count("newest entry"),
    count: count("countable messages"),
    createdAt: Time,
    history: v.HistoryRule,
    join: v.JoinRule,
    meta: O(v.Meta),
    my: O(My),
    last: O(Message),
  },
  { title: "Conversation" },
);

export const Relation = Type.Object(
  {
    user: v.UserId,
    following: Type.Boolean({ description: "one follows the user's feed" }),
    followed: Type.Boolean({ description: "the user follows one's own" }),
    friend: Type.Boolean(),
    contact: Type.Boolean({ description: "one has added the user" }),
    alias: O(Type.String({ description: "the name that one gave a contact" })),
    request: Type.Union([L("in"), L("out"), Type.Null()], { description: "a request for friendship that waits: to one, or by one" }),
    note: O(Type.String({ description: "the words of that request" })),
    blocking: Type.Boolean({ description: "one blocks the user" }),
    feed: Type.Union([v.ConversationId, Type.Null()], { description: "the user's feed" }),
  },
  { title: "Relation" },
);

/** An entry that is no message. */
const change = (type: v.ChangeType, fields: Record<string, TSchema>) => Type.Object({ type: L(type), ...placed, ...fields });
const target = v.Seq;
const by = v.UserId;
const Reaction = Type.Object({ by, emoji: Type.String(), on: Type.Boolean() });

export const eventTable = {
  message: {
    about: "A message, as it is when it is read.",
    kind: "entry",
    data: Type.Object({ type: L("message"), message: Message }),
  },
  edit: {
    about: "The message at `target` has a new body. Apply it only if its revision is higher than the one at hand.",
    kind: "entry",
    later: true,
    data: change("edit", { target, body: O(Type.Unknown()), by, revision: count("edits so far") }),
  },
  recall: { about: "The message at `target` was taken back.", kind: "entry", later: true, data: change("recall", { target, by }) },
  reaction: {
    about: "A reaction to the message at `target` was given or taken back; in read mode several at once, in `changes`.",
    kind: "entry",
    later: true,
    data: Type.Union([
      change("reaction", { target, by, emoji: Type.String(), on: Type.Boolean() }),
      change("reaction", { target, changes: Type.Array(Reaction, { minItems: 1 }) }),
    ]),
  },
  member: {
    about: "Members came, went or have another role.",
    kind: "entry",
    data: change("member", {
      users: Type.Array(v.UserId, { minItems: 1, maxItems: 1_000 }),
      change: one("joined", "left", "removed", "role"),
      role: O(v.Role),
      owner: O(Type.String({ description: "the new owner, where the old one left" })),
      by,
    }),
  },
  update: {
    about: "What all members see of the conversation has changed.",
    kind: "entry",
    data: change("update", {
      by,
      changes: Type.Object({ title: O(v.Title), history: O(v.HistoryRule), join: O(v.JoinRule), meta: O(v.Meta) }),
    }),
  },
  mode: {
    about:
      "The last entry of the old fan-out mode, delivered the old way: what follows comes by the inbox (`write`) or the channel (`read`).",
    kind: "entry",
    data: change("mode", { mode: one("write", "read"), reason: one("size", "traffic") }),
  },
  conversation: {
    about: "One's own relation to a conversation has changed. Without `my` one is no longer a member.",
    kind: "user",
    data: Type.Object({
      type: L("conversation"),
      change: one("joined", "left", "changed"),
      seq: O(count("the entry that did it; 0: there from the beginning")),
      delivery: O(one("write", "read")),
      conversation: Conversation,
      total: count("unread over all conversations that count"),
    }),
  },
  read: {
    about: "One has read on, on this device or another. The numbers are those of when it was written.",
    kind: "user",
    data: Type.Object({
      type: L("read"),
      conversationId: v.ConversationId,
      readSeq: count("read up to here"),
      count: count("countable messages up to there"),
      unread: count("countable messages after it"),
      total: count("unread over all conversations that count"),
    }),
  },
  mention: {
    about: "One is mentioned in the message at `target`.",
    kind: "user",
    later: true,
    data: Type.Object({ type: L("mention"), conversationId: v.ConversationId, target, by, at: Time }),
  },
  relation: {
    about: "One's relation to a user has changed, by oneself or by them: the whole of it, as it is now.",
    kind: "user",
    data: Type.Object({ type: L("relation"), relation: Relation }),
  },
  receipt: {
    about: "The other side of a single has read on.",
    kind: "live",
    later: true,
    data: Type.Object({ type: L("receipt"), conversationId: v.ConversationId, user: v.UserId, readSeq: v.Seq }),
  },
  typing: {
    about: "Somebody is typing.",
    kind: "live",
    later: true,
    data: Type.Object({ type: L("typing"), conversationId: v.ConversationId, user: v.UserId }),
  },
  presence: {
    about: "A watched user's status.",
    kind: "live",
    later: true,
    data: Type.Object({ type: L("presence"), user: v.UserId, status: Type.String(), at: Time }),
  },
  rejected: {
    about: "A send that was accepted (`SEND_ACK=accepted`) could not be committed. It may come twice after a crash.",
    kind: "live",
    data: Type.Object({
      type: L("rejected"),
      conversationId: v.ConversationId,
      clientMsgId: v.RequestId,
      error: Type.Object({ code: Type.Integer(), message: Type.String(), temporary: Type.Boolean() }),
    }),
  },
  notify: {
    about: 'Something new is there: pull it with `timeline.sync`. Only for connections with `push: "notify"`.',
    kind: "live",
    data: Type.Object({ type: L("notify") }),
  },
} as const satisfies Record<string, EventRow>;

export type EventType = keyof typeof eventTable;
