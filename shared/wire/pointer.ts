import { digitsOf } from "#shared/ids/decimals.ts";
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
  const seqAt = text.indexOf(" ", 2) + 1;
  const countAt = text.indexOf(" ", seqAt) + 1;
  const idAt = text.indexOf(" ", countAt) + 1;
  const idEnd = text.indexOf(" ", idAt);
  const id = idEnd < 0 ? text.slice(idAt) : text.slice(idAt, idEnd);
  return {
    letter: letter as EntryLetter,
    conversationId: text.slice(2, seqAt - 1),
    seq: digitsOf(text, seqAt, countAt - 1),
    count: digitsOf(text, countAt, idAt - 1),
    id,
    key: idEnd < 0 ? id : text.slice(idEnd + 1),
  };
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
