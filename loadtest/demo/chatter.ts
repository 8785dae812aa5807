import { setInterval } from "node:timers/promises";
import { Times } from "./times.ts";
import { chooser, type Place } from "./found.ts";
import type { Oracle } from "./oracle.ts";
import { ask, type Person, type Reply } from "./people.ts";

/** ms between two looks at how many messages are due. */
const TICK = 10;
/** One reading (`message.read`) for so many messages. */
const READ_EVERY = 10;
/** Sends waiting for their answer past which none are added: the server asks for a rest. */
const MOST_WAITING = 5_000;

const words = "the market opens at nine and the ferry leaves at noon whatever the weather says about it ".repeat(2);

/** What people do, at a set rate, with what is measured of it. */
export interface Chatter {
  sent: number;
  refused: number;
  acks: Times;
  deliveries: Times;
  /** A message reached a device. */
  delivered: (n: number) => void;
  waiting: () => number;
  /** Talks for the time given. */
  talk(rate: number, seconds: number): Promise<void>;
}

export function createChatter(
  places: readonly Place[],
  peopleOf: () => ReadonlyMap<string, Person>,
  oracle: Oracle,
  random: () => number,
): Chatter {
  const choose = chooser(places, random);
  const sentAt: number[] = [];
  let answered = 0;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  function say(): void {
    const { room, plan } = choose();
    const person = peopleOf().get(pick(plan.speakers)) as Person;
    const n = chatter.sent++;
    const text = words.slice(0, 20 + Math.floor(random() * 120));
    sentAt[n] = performance.now();
    ask(person, "message.send", `{"conversationId":"${room.id}","clientMsgId":"${n}","kind":"text","body":{"text":"${text}"}}`, (reply) => {
      answered++;
      const seq = seqOf(reply, "seq");
      if (seq === null) {
        chatter.refused++;
        oracle.violated(`message ${n} of ${person.user} was refused: ${JSON.stringify(reply.error)}`);
        return;
      }
      chatter.acks.add(performance.now() - (sentAt[n] as number));
      oracle.sent(room, person.user, seq, n);
    });
    if (n % READ_EVERY === 0) read();
  }

  /** Someone reads up to what their device has. */
  function read(): void {
    const { room, plan } = choose();
    const person = peopleOf().get(pick(plan.speakers)) as Person;
    const seq = person.last.get(room.id) ?? 0;
    if (seq === 0) return;
    ask(person, "message.read", `{"conversationId":"${room.id}","seq":${seq}}`, (reply) => {
      const readSeq = seqOf(reply, "readSeq");
      if (readSeq === null) oracle.violated(`${person.user} could not read: ${JSON.stringify(reply.error)}`);
      else oracle.read(room, person.user, readSeq);
    });
  }

  const chatter: Chatter = {
    sent: 0,
    refused: 0,
    acks: new Times(),
    deliveries: new Times(),
    delivered: (n) => chatter.deliveries.add(performance.now() - (sentAt[n] ?? 0)),
    waiting: () => chatter.sent - answered,
    async talk(rate, seconds) {
      const started = performance.now();
      let due = 0;
      for await (const _ of setInterval(TICK)) {
        const now = (performance.now() - started) / 1_000;
        const wanted = Math.floor(Math.min(now, seconds) * rate);
        for (; due < wanted; due++) if (chatter.waiting() < MOST_WAITING) say();
        if (now >= seconds) break;
      }
    },
  };
  return chatter;
}

function seqOf(reply: Reply, name: string): number | null {
  const value = reply.rpc?.data[name];
  return typeof value === "number" ? value : null;
}
