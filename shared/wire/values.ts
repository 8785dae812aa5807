import { Type, type Static } from "typebox";

/** The field's own values, each defined once: schema and type together. Sizes are in characters unless said otherwise. */

export const UserId = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$",
  description: "1–64 of A-Z a-z 0-9 . _ : @ -, the first a letter or digit",
});
export const ConversationId = Type.String({ pattern: "^[1-9][0-9]{0,18}$", description: "decimal string" });
export const Seq = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
export const RequestId = Type.String({ pattern: "^[\\x20-\\x7e]{1,64}$", description: "1–64 printable ASCII characters" });
export const Limit = Type.Integer({ minimum: 1, maximum: 200, default: 50 });
export const Cursor = Type.String({ minLength: 1, maxLength: 65_536, description: "opaque, from the page before" });
export const Title = Type.String({ minLength: 1, maxLength: 200 });
export const HistoryRule = Type.Union([Type.Literal("joined"), Type.Literal("all")]);
export const JoinRule = Type.Union([Type.Literal("invite"), Type.Literal("open")]);
export const Meta = Type.Unknown({ description: "any JSON up to 4 KiB" });
export const Role = Type.Union([Type.Literal("owner"), Type.Literal("admin"), Type.Literal("member")]);
export const Users = Type.Array(UserId, { minItems: 1, maxItems: 1_000 });

export const Position = Type.Object({
  epoch: Type.String({ maxLength: 16 }),
  offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
});
export type Position = Static<typeof Position>;
export const Positions = Type.Record(Type.String({ maxLength: 80 }), Position);
export type Positions = Record<string, Position>;

export type ConversationKind = "single" | "group" | "feed" | "service";
export type Mode = "write" | "read";

const Url = Type.String({ minLength: 1, maxLength: 2_048 });
const MediaId = Type.String({ minLength: 1, maxLength: 128 });
const media = {
  url: Type.Optional(Url),
  mediaId: Type.Optional(MediaId),
  name: Type.Optional(Type.String({ maxLength: 255 })),
  mime: Type.String({ minLength: 1, maxLength: 127 }),
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  width: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  height: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  duration: Type.Optional(Type.Number({ minimum: 0 })),
  thumbnail: Type.Optional(Type.String({ maxLength: 8_192 })),
};
const Media = Type.Object(media, { additionalProperties: false });

/** Body by message kind. `system` is made by the server alone. */
export const bodies = {
  text: Type.Object({ text: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
  emoji: Type.Object({ code: Type.String({ minLength: 1, maxLength: 128 }) }, { additionalProperties: false }),
  image: Media,
  video: Media,
  audio: Media,
  file: Media,
  location: Type.Object(
    {
      lat: Type.Number({ minimum: -90, maximum: 90 }),
      lon: Type.Number({ minimum: -180, maximum: 180 }),
      label: Type.Optional(Type.String({ maxLength: 500 })),
    },
    { additionalProperties: false },
  ),
  card: Type.Object({ user: UserId }, { additionalProperties: false }),
  custom: Type.Unknown(),
  system: Type.Object({ code: Type.String(), args: Type.Unknown() }),
} as const;

export type MessageKind = keyof typeof bodies;
export const messageKinds = Object.keys(bodies) as MessageKind[];
/** Kinds of entries that are no message; they carry their type where a message carries its kind. */
export const changeTypes = ["edit", "recall", "reaction", "member", "update", "mode"] as const;
export type ChangeType = (typeof changeTypes)[number];

/** Kinds of lists of relations. */
export const listKinds = ["followers", "following", "friends", "contacts", "requests", "blocked"] as const;
export const Alias = Type.String({ maxLength: 200 });
export const Note = Type.String({ maxLength: 500 });

/** A message body at most this many bytes of JSON. */
export const MAX_BODY_BYTES = 16 * 1024;
/** `meta` at most this many bytes of JSON. */
export const MAX_META_BYTES = 4 * 1024;
/** An answer ends early at this many bytes. */
export const MAX_ANSWER_BYTES = 512 * 1024;
/** A connect reply recovers at most this much, over all channels. */
export const MAX_RECOVERED_ENTRIES = 1_000;
export const MAX_RECOVERED_BYTES = 768 * 1024;
/** Conversation channels subscribed in one connect reply. */
export const MAX_WATCHED = 1_000;

export interface Message {
  id: string;
  conversationId: string;
  seq: number;
  prev: number;
  count: number;
  from: string;
  kind: MessageKind;
  body: unknown;
  clientMsgId: string;
  at: number;
  clientSeq?: number;
  mentions?: string[];
  replyTo?: number;
}

export interface My {
  role: "owner" | "admin" | "member";
  joinedSeq: number;
  readSeq: number;
  unread: number;
  mentioned: number | null;
  muted: boolean;
  pinned: boolean;
  markedUnread: boolean;
}

export interface Relation {
  user: string;
  following: boolean;
  followed: boolean;
  friend: boolean;
  contact: boolean;
  /** Of a contact, where one was given. */
  alias?: string;
  request: "in" | "out" | null;
  /** Words of the request, where there are any. */
  note?: string;
  blocking: boolean;
  /** The user's feed; null where there is none. */
  feed: string | null;
}

export interface Conversation {
  id: string;
  kind: ConversationKind;
  title: string | null;
  owner: string | null;
  peer?: { user: string; readSeq: number };
  members: number;
  mode: Mode;
  seq: number;
  count: number;
  createdAt: number;
  history: "joined" | "all";
  join: "invite" | "open";
  meta?: unknown;
  my?: My;
  last?: Message;
}
