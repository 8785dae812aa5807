import { digitsOf } from "#shared/ids/decimals.ts";
import type { EntryLetter } from "./entry.ts";

/**
 * Records of the outbox, lines of text in the field `r` of a stream entry, in commit order of each conversation:
 * "E <conversation> <seq> <letter> <id> <count> <w|r>" an entry, with the mode it is delivered in, then, if its commit has handed it over,
 * "=<copies>" (in a single), "+<copies>" or "+" (to a room) ·
 * "C <conversation> <creator>" created · "R <conversation> <user> <readSeq> <count>" read · "P <conversation> <user>" one's own flags ·
 * "F <conversation> <user> <+|-> <seq> <w|r>" followed, unfollowed ·
 * "S 0 <user> <session> <device|-> <node> <at>:<life>" connected (life 0) or disconnected, in ms; of no conversation.
 * The field `i` names, for readers of timelines, the conversations whose messages come into inboxes by them: "7 +8 …", with a + where an inbox may
 * not know yet that its user belongs to the conversation.
 */
export type OutboxRecord =
  | {
      type: "entry";
      conversationId: string;
      seq: number;
      letter: EntryLetter;
      id: string;
      count: number;
      mode: "w" | "r";
      /** null where it is for the fan-out to hand the entry over, else what its commit has done: copies made, in a conversation of this kind. */
      handed: { copies: number; single: boolean } | null;
    }
  | { type: "created"; conversationId: string; creator: string }
  | { type: "read"; conversationId: string; user: string; readSeq: number; count: number }
  | { type: "own"; conversationId: string; user: string }
  | { type: "session"; conversationId: string; user: string; session: string; device: string; node: string; at: number; life: number }
  | { type: "follow"; conversationId: string; user: string; on: boolean; seq: number; mode: "w" | "r" };

/** Reads one line. Throws on a letter it does not know: a newer writer's record must stop an older reader, not be lost. */
export function parseRecord(line: string): OutboxRecord {
  if (line.startsWith("E ")) return entryRecord(line);
  const [letter, conversationId = "", a = "", b = "", c = "", d = "", e = ""] = line.split(" ");
  switch (letter) {
    case "C":
      return { type: "created", conversationId, creator: a };
    case "R":
      return { type: "read", conversationId, user: a, readSeq: Number(b), count: Number(c) };
    case "P":
      return { type: "own", conversationId, user: a };
    case "F":
      return { type: "follow", conversationId, user: a, on: b === "+", seq: Number(c), mode: d as "w" | "r" };
    case "S": {
      const [at, life] = e.split(":");
      return {
        type: "session",
        conversationId,
        user: a,
        session: b,
        device: c === "-" ? "" : c,
        node: d,
        at: Number(at),
        life: Number(life),
      };
    }
    default:
      throw new Error(`outbox record of unknown type: ${line.slice(0, 80)}`);
  }
}

/** The many, by where their blanks are. */
function entryRecord(line: string): OutboxRecord {
  const seqAt = line.indexOf(" ", 2) + 1;
  const letterAt = line.indexOf(" ", seqAt) + 1;
  const idAt = letterAt + 2;
  const countAt = line.indexOf(" ", idAt) + 1;
  const modeAt = line.indexOf(" ", countAt) + 1;
  return {
    type: "entry",
    conversationId: line.slice(2, seqAt - 1),
    seq: digitsOf(line, seqAt, letterAt - 1),
    letter: line.charAt(letterAt) as EntryLetter,
    id: line.slice(idAt, countAt - 1),
    count: digitsOf(line, countAt, modeAt - 1),
    mode: line.charAt(modeAt) as "w" | "r",
    handed:
      modeAt + 1 === line.length ? null : { copies: digitsOf(line, modeAt + 2, line.length), single: line.charAt(modeAt + 1) === "=" },
  };
}

/** The line of a connection that began (life 0) or ended. */
export const sessionLine = (user: string, session: string, device: string, node: string, at: number, life: number): string =>
  `S 0 ${user} ${session} ${device === "" ? "-" : device} ${node} ${at}:${life}`;

/** What a fan-out worker tells a gateway node: what inboxes and rooms got, in order, inboxes first. */
export interface PushBatch {
  /** user, offset of the first pointer, pointers; without any: the inbox goes up to the offset before */
  inbox: [user: string, first: number, pointers: string[]][];
  /** conversation, first seq, last seq, 1 if the last one is the switch to write mode and ends the room */
  rooms: [conversationId: string, from: number, to: number, ended: 0 | 1][];
}
