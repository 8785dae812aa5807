import type { ChangeType } from "./values.ts";
import { timeOf } from "#shared/ids/snowflake.ts";

/**
 * An entry of a mailbox as it is kept hot: "<id> <count> <letter><fields>", where fields are the JSON members that the sender gave; the rest
 * (seq, prev, conversation, time) follows from where it stands. Kept as text, so that an entry is not parsed on its way to a socket.
 */
export interface Entry {
  conversationId: string;
  seq: number;
  /** Snowflake, decimal; its time is the entry's `at`. */
  id: string;
  count: number;
  letter: EntryLetter;
  /** JSON members without braces. */
  fields: string;
}

export type EntryLetter = "m" | keyof typeof changes;

const changes = { b: "member", u: "update", o: "mode", e: "edit", r: "recall", x: "reaction" } as const satisfies Record<
  string,
  ChangeType
>;

const letters = new Map<string, EntryLetter>(Object.entries(changes).map(([letter, type]) => [type, letter as EntryLetter]));

/** Type of an entry that is no message. */
export const changeOf = (letter: EntryLetter): ChangeType | null => (letter === "m" ? null : changes[letter]);
/** Letter of an entry by its kind in the archive: a message kind or a change type. */
export const letterOf = (kind: string): EntryLetter => letters.get(kind) ?? "m";

/** Reads an entry as it is kept hot. */
export function parseEntry(conversationId: string, seq: number, text: string): Entry {
  const first = text.indexOf(" ");
  const second = text.indexOf(" ", first + 1);
  return {
    conversationId,
    seq,
    id: text.slice(0, first),
    count: Number(text.slice(first + 1, second)),
    letter: text.charAt(second + 1) as EntryLetter,
    fields: text.slice(second + 2),
  };
}

function placed(entry: Entry): string {
  return `"conversationId":"${entry.conversationId}","seq":${entry.seq},"prev":${entry.seq - 1},"count":${entry.count},"at":${timeOf(entry.id)},${entry.fields}}`;
}

/** The Message object of a message entry as JSON text. */
export const messageJson = (entry: Entry): string => `{"id":"${entry.id}",${placed(entry)}`;

/** The `data` of an entry's publication as JSON text. */
export function eventJson(entry: Entry): string {
  const type = changeOf(entry.letter);
  return type === null ? `{"type":"message","message":${messageJson(entry)}}` : `{"type":"${type}",${placed(entry)}`;
}
