import { setTimeout as after } from "node:timers/promises";
import type { Chat } from "./chat.ts";

/** How often what is due is sent (ms). */
const STEP = 5;
/** How often a watch looks (ms). */
const LOOK = 1_000;
/** Longest wait for an answer or a delivery (ms). */
const PATIENCE = 30_000;

export interface Paced {
  messages: number;
  /** Seconds from the first send to the last. */
  seconds: number;
  /** ms from when a message was due to its answer, by message. */
  answers: number[];
}

/**
 * Sends a steady number of messages a second, pair after pair, whatever the answers do, for so many seconds; resolves when all that was sent is
 * answered and on both devices, each checked to be the next one. `each` is called about once a second with the time since the start (s) and what
 * was answered so far.
 */
export async function sendPaced(
  chat: Chat,
  rate: number,
  seconds: number,
  each: (at: number, answered: number) => Promise<void>,
): Promise<Paced> {
  const answers: number[] = [];
  let sent = 0;
  chat.on.delivered = () => {};
  chat.on.ack = (pair) => answers.push(performance.now() - (pair.sentAt[pair.acked % pair.sentAt.length] as number));
  const started = performance.now();
  const total = Math.floor(rate * seconds);
  const looking = lookOn(started, () => answers.length, each);
  while (sent < total) {
    if (chat.failure !== null) throw chat.failure;
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate));
    for (; sent < due; sent++) sendNext(chat, sent, started + (sent / rate) * 1_000);
    await after(STEP);
  }
  const took = (performance.now() - started) / 1_000;
  await looking.end();
  await allSeen(chat);
  return { messages: total, seconds: took, answers };
}

function sendNext(chat: Chat, n: number, due: number): void {
  const pair = chat.pairs[n % chat.pairs.length] as Chat["pairs"][number];
  const number = ++pair.sent;
  pair.sentAt[number % pair.sentAt.length] = due;
  chat.send(pair, number);
}

/** Calls `each` until ended, one call after the other. */
function lookOn(started: number, answered: () => number, each: (at: number, answered: number) => Promise<void>) {
  let open = true;
  const looks = (async () => {
    for (let next = started + LOOK; open; next += LOOK) {
      await after(Math.max(0, next - performance.now()));
      if (open) await each((performance.now() - started) / 1_000, answered());
    }
  })();
  return {
    async end() {
      open = false;
      await looks;
    },
  };
}

/** Resolves when every message is answered and on both devices of its pair. */
async function allSeen(chat: Chat): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    if (chat.failure !== null) throw chat.failure;
    const left = chat.pairs.filter(({ sent, acked, peer, own }) => acked < sent || peer.n < sent || own.n < sent).length;
    if (left === 0) return;
    if (performance.now() > deadline) throw new Error(`${left} pairs lack answers or deliveries ${PATIENCE / 1_000} s after the last send`);
    await after(5);
  }
}
