import exec from "k6/execution";
import type { Device, Heard } from "./device.ts";
import { createLedger } from "./ledger.ts";
import { checked, sent, times, violated } from "./metrics.ts";
import { settings } from "./settings.ts";
import type { Message } from "./witness.ts";

/** What a message is for: `talk` is timed; `ready` and `last` are signs between the VUs of one conversation. */
export type Word = "talk" | "ready" | "last";

/** Everything that the sockets of one VU say and hear, with its times and its ledger. */
export interface Talk {
  say(device: Device, conversationId: string, word?: Word): void;
  heard: Heard;
  /** How many of this VU's sockets are owed each message of a conversation. */
  audience(conversationId: string, sockets: number): void;
  /** Seq of the newest message that anyone in this VU knows of. */
  headOf(conversationId: string): number;
  /** How many messages with this word have reached at least one socket. */
  count(word: Word): number;
  /** Enters an answer to a send that went another way than through a socket. */
  answered(message: Draft, seq: number): void;
  /** The next message of a user's. */
  draft(from: string, conversationId: string, word?: Word): Draft;
}

export interface Draft {
  conversationId: string;
  from: string;
  clientMsgId: string;
  sentAt: number;
  body: { text: string };
}

const padding = "and so on ".repeat(Math.ceil(settings.bytes / 10));

export function createTalk(): Talk {
  const ledger = createLedger(violated);
  const audiences = new Map<string, number>();
  /** Messages that some are still owed; `late` once one of them was missed and recovered, which says nothing of delivery. */
  const underway = new Map<string, { owed: number; late: boolean }>();
  const words: Record<Word, number> = { talk: 0, ready: 0, last: 0 };
  let number = 0;

  function draft(from: string, conversationId: string, word: Word = "talk"): Draft {
    const sentAt = Date.now();
    const text = `${word} ${sentAt} ${padding}`.slice(0, settings.bytes);
    return { conversationId, from, clientMsgId: `${exec.vu.idInTest}-${++number}`, sentAt, body: { text } };
  }

  function answered({ conversationId, from, clientMsgId, sentAt }: Draft, seq: number): void {
    times.ack_time.add(Date.now() - sentAt);
    ledger.place({ conversationId, seq, from, clientMsgId });
  }

  function arrived(message: Message, word: Word, sentAt: number, live: boolean): void {
    const name = `${message.from} ${message.clientMsgId}`;
    let one = underway.get(name);
    if (one === undefined) {
      one = { owed: audiences.get(message.conversationId) ?? 1, late: false };
      underway.set(name, one);
      words[word]++;
    }
    one.owed--;
    one.late ||= !live;
    const ms = Date.now() - sentAt;
    if (word === "talk" && live) times.delivery_time.add(ms);
    if (one.owed > 0) return;
    underway.delete(name);
    if (word === "talk" && !one.late) times.time_to_last.add(ms);
  }

  return {
    draft,
    answered,
    say(device, conversationId, word) {
      const message = draft(device.user, conversationId, word);
      const { clientMsgId, body } = message;
      sent.add(1);
      device.ask<{ seq: number }>("message.send", { conversationId, clientMsgId, kind: "text", body }, ({ seq }) => answered(message, seq));
    },
    heard(message, live) {
      checked.add(1);
      ledger.place(message);
      const [word = "", sentAt = ""] = (message.body?.text ?? "").split(" ", 2);
      arrived(message, word as Word, Number(sentAt), live);
    },
    audience: (conversationId, sockets) => void audiences.set(conversationId, sockets),
    headOf: ledger.headOf,
    count: (word) => words[word],
  };
}
