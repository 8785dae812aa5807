import { setTimeout as after } from "node:timers/promises";
import { percentile } from "./row.ts";
import type { Pair } from "./pair.ts";

/** Both devices of every pair, connected to one server. */
export interface Chat {
  pairs: Pair[];
  /** Does every message reach the sender's own device too? */
  echoes: boolean;
  /** Sends the pair's message of that number. */
  send(pair: Pair, n: number): void;
  /** Called by `openChat`'s devices with each acknowledgement and each message. */
  on: { ack(pair: Pair): void; delivered(pair: Pair, device: "peer" | "own"): void };
  /** Set when a line is not what it must be. */
  failure: Error | null;
}

export interface Slice {
  messages: number;
  /** Messages a second until the last answer, and until the last delivery to any device. */
  acked: number;
  delivered: number;
  /** ms from send to answer, and to the peer. */
  ackLatency: { p50: number; p99: number };
  deliveryLatency: { p50: number; p99: number };
}

const MOST = 1_000_000;

/** Notes the times of every answer and delivery from now on; `answered` is called after each answer. */
export function noteLatencies(chat: Chat, most: number, answered: (pair: Pair) => void) {
  const ack = { times: new Float64Array(most), count: 0, last: 0 };
  const delivery = { times: new Float64Array(most), count: 0, last: 0 };
  const note = (into: typeof ack, pair: Pair, n: number) => {
    if (into.count < most) into.times[into.count++] = into.last - (pair.sentAt[n % pair.sentAt.length] as number);
  };
  chat.on.ack = (pair) => {
    ack.last = performance.now();
    note(ack, pair, pair.acked);
    answered(pair);
  };
  chat.on.delivered = (pair, device) => {
    delivery.last = performance.now();
    if (device === "peer") note(delivery, pair, pair.peer.n);
  };
  return {
    /** What came of so many messages, the first of which was sent at `started`. */
    slice: (messages: number, started: number): Slice => ({
      messages,
      acked: (messages / (ack.last - started)) * 1_000,
      delivered: (messages / (delivery.last - started)) * 1_000,
      ackLatency: latencyOf(ack),
      deliveryLatency: latencyOf(delivery),
    }),
  };
}

/** Lets every pair keep `inFlight` unanswered messages for the time given, then waits until all that was sent has arrived everywhere. */
export async function runChat(chat: Chat, inFlight: number, seconds: number): Promise<Slice> {
  let open = true;
  const send = (pair: Pair) => {
    const n = ++pair.sent;
    pair.sentAt[n % pair.sentAt.length] = performance.now();
    chat.send(pair, n);
  };
  const noted = noteLatencies(chat, MOST, (pair) => {
    if (open) send(pair);
  });
  const started = performance.now();
  const before = sum(chat.pairs, ({ sent }) => sent);
  for (const pair of chat.pairs) for (let i = 0; i < inFlight; i++) send(pair);
  await after(seconds * 1_000);
  open = false;
  await settled(chat);
  return noted.slice(sum(chat.pairs, ({ sent }) => sent) - before, started);
}

/** Resolves when every message is answered and on every device; throws when one was wrong, or nothing comes for 20 s. */
export async function settled(chat: Chat): Promise<void> {
  const left = () => sum(chat.pairs, ({ sent, acked, peer, own }) => sent - acked + (sent - peer.n) + (chat.echoes ? sent - own.n : 0));
  let before = left();
  let quiet = 0;
  while (before > 0) {
    if (chat.failure !== null) throw chat.failure;
    await after(1);
    const now = left();
    quiet = now === before ? quiet + 1 : 0;
    if (quiet > 10_000) throw new Error(`${now} answers and deliveries are missing`);
    before = now;
  }
  if (chat.failure !== null) throw chat.failure;
}

const sum = (pairs: readonly Pair[], of: (pair: Pair) => number): number => pairs.reduce((total, pair) => total + of(pair), 0);

function latencyOf({ times, count }: { times: Float64Array; count: number }): { p50: number; p99: number } {
  const sorted = times.slice(0, count).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}
