import { array, bigInt, boolean, constant, constantFrom, integer, jsonValue, oneof, record, string, type Arbitrary } from "fast-check";
import { type Entry, type EntryLetter } from "./entry.ts";
import { messageKinds, type MessageKind } from "./values.ts";

/** Arbitrary values of the wire, for property tests. */

export const aUser = string({ unit: constantFrom(..."abzAZ019._:@-".split("")), minLength: 1, maxLength: 64 }).filter((text) =>
  /^[a-z0-9]/i.test(text),
);
export const aConversationId = bigInt({ min: 1n, max: 10n ** 18n }).map(String);
export const aSeq = integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
export const aMessageId = bigInt({ min: 2n ** 40n, max: 2n ** 63n - 1n }).map(String);
const aClientMsgId = string({ unit: "grapheme-ascii", minLength: 1, maxLength: 64 });
const aText = string({ unit: "binary", minLength: 1, maxLength: 40 });
/** Zeros lose their sign in JSON. */
export const aJson = jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const media = record({ url: constant("https://example.com/a"), name: aText, mime: constant("image/png"), size: integer({ min: 0 }) });
const bodyOf: Record<MessageKind, Arbitrary<unknown>> = {
  text: record({ text: aText }),
  emoji: record({ code: aText }),
  image: media,
  video: media,
  audio: media,
  file: media,
  location: record({ lat: integer({ min: -90, max: 90 }), lon: integer({ min: -180, max: 180 }), label: aText }),
  card: record({ user: aUser }),
  custom: aJson,
  system: record({ code: aText, args: aJson }),
};

/** Fields of a message entry as a sender's draft gives them, of each kind. */
export const aMessage = oneof(
  ...messageKinds.map((kind) =>
    record(
      {
        from: aUser,
        kind: constant(kind),
        body: bodyOf[kind],
        clientMsgId: aClientMsgId,
        clientSeq: integer({ min: 0 }),
        mentions: array(aUser, { minLength: 1, maxLength: 3 }),
        replyTo: aSeq,
      },
      { requiredKeys: ["from", "kind", "body", "clientMsgId"] },
    ),
  ),
);

/** Fields of each change by its letter. */
const changeFields: Record<Exclude<EntryLetter, "m">, Arbitrary<Record<string, unknown>>> = {
  b: record(
    {
      users: array(aUser, { minLength: 1, maxLength: 4 }),
      change: constantFrom("joined", "left", "removed", "role"),
      by: aUser,
      role: constant("admin"),
    },
    { requiredKeys: ["users", "change", "by"] },
  ),
  u: record({ by: aUser, changes: record({ title: aText, meta: aJson, history: constantFrom("joined", "all") }, { requiredKeys: [] }) }),
  o: record({ mode: constantFrom("write", "read"), reason: constantFrom("size", "traffic") }),
  e: record({ target: aSeq, body: record({ text: aText }), by: aUser, revision: integer({ min: 1, max: 1_000 }) }),
  r: record({ target: aSeq, by: aUser }),
  x: oneof(
    record({ target: aSeq, by: aUser, emoji: aText, on: boolean() }),
    record({ target: aSeq, changes: array(record({ by: aUser, emoji: aText, on: boolean() }), { minLength: 1, maxLength: 3 }) }),
  ),
};
export const changeLetters = Object.keys(changeFields) as (keyof typeof changeFields)[];

const withFields = (letter: EntryLetter, fields: Arbitrary<object>): Arbitrary<Entry> =>
  record({ conversationId: aConversationId, seq: aSeq, id: aMessageId, count: integer({ min: 0 }), fields }).map((made) => ({
    ...made,
    letter,
    fields: JSON.stringify(made.fields).slice(1, -1),
  }));

export const aMessageEntry = withFields("m", aMessage);
export const aChangeEntry = oneof(...changeLetters.map((letter) => withFields(letter, changeFields[letter])));
export const anEntry = oneof(aMessageEntry, aChangeEntry);
