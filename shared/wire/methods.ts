import { Type, type TSchema } from "typebox";
import * as v from "./values.ts";

/**
 * Every RPC method with the schema of its parameters: the one table that the WebSocket, HTTP, `/docs` and the reference share.
 * `changes`: takes `requestId`. `later`: answers 108 until the part that serves it is there.
 */
export interface MethodRow {
  about: string;
  params: TSchema;
  changes?: boolean;
  later?: boolean;
  /** Largest parameters in bytes, where it is not the general 64 KiB. */
  maxBytes?: number;
}

const O = Type.Optional;
const of = (fields: Record<string, TSchema>) => Type.Object(fields, { additionalProperties: false });
const change = (fields: Record<string, TSchema>) => of({ ...fields, requestId: O(v.RequestId) });
const page = { cursor: O(Type.Union([v.Cursor, Type.Null()])), limit: O(v.Limit) };
const conversationId = v.ConversationId;
const NonNegative = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Emoji = Type.String({ minLength: 1, maxLength: 64 });
const later = (about: string, params: TSchema, changes = false): MethodRow => ({ about, params, later: true, changes });
const user = v.UserId;

const SendKind = Type.Union(v.messageKinds.map((kind) => Type.Literal(kind)));

export const methodTable: Record<string, MethodRow> = {
  "conversation.create": {
    about: "Opens the single conversation of a pair, a group or one's own feed.",
    changes: true,
    params: Type.Union([
      change({ kind: Type.Literal("single"), user }),
      change({
        kind: Type.Literal("group"),
        title: v.Title,
        members: Type.Array(v.UserId, { maxItems: 1_000 }),
        history: O(v.HistoryRule),
        join: O(v.JoinRule),
        meta: O(v.Meta),
      }),
      change({ kind: Type.Literal("feed"), title: O(v.Title) }),
    ]),
  },
  "conversation.get": { about: "One conversation with one's own relation to it.", params: of({ conversationId }) },
  "conversation.list": { about: "One's conversations by last activity, newest first, with unread counts and the total.", params: of(page) },
  "conversation.update": {
    about: "Changes title, history, join rule and meta (admins), or mutes, pins and marks unread for oneself.",
    changes: true,
    params: change({
      conversationId,
      title: O(v.Title),
      history: O(v.HistoryRule),
      join: O(v.JoinRule),
      meta: O(v.Meta),
      muted: O(Type.Boolean()),
      pinned: O(Type.Boolean()),
      markedUnread: O(Type.Boolean()),
    }),
  },
  "conversation.members": { about: "Who is in a conversation, oldest first.", params: of({ conversationId, ...page }) },
  "conversation.add": { about: "Adds up to 1,000 members.", changes: true, params: change({ conversationId, users: v.Users }) },
  "conversation.remove": { about: "Removes up to 1,000 members.", changes: true, params: change({ conversationId, users: v.Users }) },
  "conversation.join": { about: "Joins an open group, or follows a feed.", changes: true, params: change({ conversationId }) },
  "conversation.leave": { about: "Leaves a group, or unfollows a feed.", changes: true, params: change({ conversationId }) },
  "conversation.role": later(
    "Gives a role, or silences.",
    change({ conversationId, user, role: v.Role, silenced: O(Type.Boolean()) }),
    true,
  ),
  "message.send": {
    about:
      "Sends a message; the answer means it is durable. With `SEND_ACK=accepted` it is `{ accepted: true }`: in the log of sends, to be committed in order; a refusal comes as a `rejected` event.",
    params: of({
      conversationId,
      clientMsgId: v.RequestId,
      kind: SendKind,
      body: Type.Unknown(),
      mentions: O(Type.Array(v.UserId, { maxItems: 50 })),
      replyTo: O(v.Seq),
      clientSeq: O(NonNegative),
    }),
  },
  "message.edit": later("Replaces the body of one's own message.", change({ conversationId, seq: v.Seq, body: Type.Unknown() }), true),
  "message.recall": later("Takes a message back.", change({ conversationId, seq: v.Seq }), true),
  "message.react": later("Adds or takes back a reaction.", change({ conversationId, seq: v.Seq, emoji: Emoji, on: Type.Boolean() }), true),
  "message.history": {
    about: "A page of a conversation's messages, or of all its entries, from every tier.",
    params: of({ conversationId, before: O(v.Seq), after: O(NonNegative), limit: O(v.Limit), entries: O(Type.Boolean()) }),
  },
  "message.search": later(
    "Searches what one may read.",
    of({ query: Type.String({ minLength: 1, maxLength: 500 }), conversationId: O(conversationId), ...page }),
  ),
  "message.read": { about: "Says that one has read up to a seq.", changes: true, params: change({ conversationId, seq: NonNegative }) },
  "unread.get": { about: "Unread counts of the conversations that are not muted, and their total.", params: of({}) },
  "timeline.read": {
    about:
      "The messages of all one's conversations, newest first, from inbox and mailboxes; with `recommended` also posts of authors further off, one in five at most.",
    params: of({ ...page, kinds: O(Type.Array(SendKind, { minItems: 1, maxItems: 16 })), recommended: O(Type.Boolean()) }),
  },
  "timeline.sync": {
    about: "What is new since the given positions; with `wait` (seconds) a long poll.",
    params: of({ positions: v.Positions, limit: O(v.Limit), wait: O(Type.Number({ minimum: 0, maximum: 30 })) }),
    maxBytes: 512 * 1024,
  },
  "relation.follow": { about: "Follows a user, and with that their feed.", changes: true, params: change({ user }) },
  "relation.unfollow": { about: "Follows a user no longer.", changes: true, params: change({ user }) },
  "relation.request": {
    about: "Asks for friendship; who was asked by that user already is their friend with it.",
    changes: true,
    params: change({ user, note: O(v.Note) }),
  },
  "relation.accept": { about: "Accepts a user's request.", changes: true, params: change({ user, note: O(v.Note) }) },
  "relation.decline": { about: "Declines a user's request.", changes: true, params: change({ user, note: O(v.Note) }) },
  "relation.unfriend": { about: "Ends a friendship, for both.", changes: true, params: change({ user, note: O(v.Note) }) },
  "relation.add": {
    about: "Adds a user to one's contacts, or gives a contact another alias.",
    changes: true,
    params: change({ user, alias: O(v.Alias) }),
  },
  "relation.block": {
    about:
      "Blocks a user: neither can send in their single, and the blocked one cannot follow, ask or add. Ends their following and requests between the two.",
    changes: true,
    params: change({ user }),
  },
  "relation.unblock": { about: "Blocks a user no longer.", changes: true, params: change({ user }) },
  "relation.list": {
    about: "One's relations of a kind, newest first; requests in both directions.",
    params: of({ kind: Type.Union(v.listKinds.map((kind) => Type.Literal(kind))), ...page }),
  },
  "relation.get": { about: "One's relation to a user.", params: of({ user }) },
  "relation.mutual": { about: "Friends in common with a user.", params: of({ user }) },
  "relation.suggest": {
    about: "People one may know: friends of friends and authors followed by the like-minded, strongest ties first.",
    params: of({ limit: O(v.Limit) }),
  },
  "relation.path": {
    about: "The shortest chain to a user, both ends included; empty if there is none.",
    params: of({ user, max: O(Type.Integer({ minimum: 1, maximum: 6, default: 6 })) }),
  },
  "presence.get": later("Status of users.", of({ users: v.Users })),
  "presence.set": later("Sets one's status.", change({ status: Type.String() }), true),
  "presence.watch": later("Watches the status of users.", of({ users: v.Users })),
  "presence.unwatch": later("Stops watching.", of({ users: v.Users })),
  "typing.set": later("Says that one is typing.", of({ conversationId })),
  "session.list": later("One's devices.", of({})),
  "session.revoke": later("Ends one of one's sessions.", change({ session: Type.String() }), true),
};
