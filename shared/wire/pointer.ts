import type { EntryLetter } from "./entry.ts";

/**
 * What an inbox holds at one offset, kept as text:
 * an entry "<letter> <conversation> <seq> <count> <id>[ <timeline key>]", the key only where it was raised above the id,
 * or an event of one's own "<J|L|V> <conversation> <seq> <at> <w|r|-> <json>":
 * J joined at this seq in this mode, L left with this seq, V anything else. A `conversation` event is kept without its `total`, which is the reader's.
 */
export type Pointer = EntryPointer | EventPointer;

export interface EntryPointer {
  letter: EntryLetter;
  conversationId: string;
  seq: number;
  count: number;
  id: string;
  key: string;
}

export interface EventPointer {
  letter: "J" | "L" | "V";
  conversationId: string;
  seq: number;
  /** ms */
  at: number;
  mode: "w" | "r" | "-";
  json: string;
}

export const isEvent = (pointer: Pointer): pointer is EventPointer =>
  pointer.letter === "J" || pointer.letter === "L" || pointer.letter === "V";

/** Reads a pointer. */
export function parsePointer(text: string): Pointer {
  const letter = text.charAt(0);
  if (letter === "J" || letter === "L" || letter === "V") {
    const brace = text.indexOf("{");
    const [, conversationId = "", seq, at, mode] = text.slice(0, brace).split(" ");
    return { letter, conversationId, seq: Number(seq), at: Number(at), mode: mode as EventPointer["mode"], json: text.slice(brace) };
  }
  const [, conversationId = "", seq, count, id = "", key = id] = text.split(" ");
  return { letter: letter as EntryLetter, conversationId, seq: Number(seq), count: Number(count), id, key };
}

export const entryPointer = (letter: EntryLetter, conversationId: string, seq: number, count: number, id: string): string =>
  `${letter} ${conversationId} ${seq} ${count} ${id}`;

export const eventPointer = (
  letter: EventPointer["letter"],
  conversationId: string,
  seq: number,
  at: number,
  mode: EventPointer["mode"],
  json: string,
): string => `${letter} ${conversationId} ${seq} ${at} ${mode} ${json}`;

/** The event's JSON with the reader's total put in. */
export const withTotal = (json: string, total: number): string => `${json.slice(0, -1)},"total":${total}}`;

/** True where the stored JSON lacks the total that a reader is owed. */
export const wantsTotal = (pointer: EventPointer): boolean => pointer.json.startsWith('{"type":"conversation"');
