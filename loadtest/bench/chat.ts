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

interface Times {
  ms: Float64Array;
  count: number;
}

/** What is seen of a chat while it runs. */
export interface Watching {
  /** Sends the pair's next message; its times count from `due`, ms by `performance.now()`. */
  send(pair: Pair, due: number): void;
  /** Called with each acknowledgement. */
  acked: (pair: Pair) => void;
  ack: Times;
  delivery: Times;
  messages: number;
  lastAck: number;
  lastDelivery: number;
}

/** Takes the times of all that is sent from now on. */
export function watch(chat: Chat): Watching {
  const note = (into: Times, pair: Pair, n: number, now: number) => {
    if (into.count < MOST) into.ms[into.count++] = now - (pair.sentAt[n % pair.sentAt.length] as number);
  };
  const times = (): Times => ({ ms: new Float64Array(MOST), count: 0 });
  const watching: Watching = {
    send(pair, due) {
      const n = ++pair.sent;
      pair.sentAt[n % pair.sentAt.length] = due;
      watching.messages++;
      chat.send(pair, n);
    },
    acked() {},
    ack: times(),
    delivery: times(),
    messages: 0,
    lastAck: 0,
    lastDelivery: 0,
  };
  chat.on.ack = (pair) => {
    watching.lastAck = performance.now();
    note(watching.ack, pair, pair.acked, watching.lastAck);
    watching.acked(pair);
  };
  chat.on.delivered = (pair, device) => {
    watching.lastDelivery = performance.now();
    if (device === "peer") note(watching.delivery, pair, pair.peer.n, watching.lastDelivery);
  };
  return watching;
}

export const resultOf = ({ messages, lastAck, lastDelivery, ack, delivery }: Watching, started: number): Slice => ({
  messages,
  acked: (messages / (lastAck - started)) * 1_000,
  delivered: (messages / (lastDelivery - started)) * 1_000,
  ackLatency: latencyOf(ack),
  deliveryLatency: latencyOf(delivery),
});

/** Lets every pair keep `inFlight` unanswered messages for the time given, then waits until all that was sent has arrived everywhere. */
export async function runChat(chat: Chat, inFlight: number, seconds: number): Promise<Slice> {
  const watching = watch(chat);
  let open = true;
  watching.acked = (pair) => {
    if (open) watching.send(pair, performance.now());
  };
  const started = performance.now();
  for (const pair of chat.pairs) for (let i = 0; i < inFlight; i++) watching.send(pair, started);
  await after(seconds * 1_000);
  open = false;
  await settled(chat);
  return resultOf(watching, started);
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

function latencyOf({ ms, count }: Times): { p50: number; p99: number } {
  const sorted = ms.slice(0, count).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}
