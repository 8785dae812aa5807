import { setTimeout as after } from "node:timers/promises";
import { numberAfter } from "./pair.ts";

/** A group with all its members' devices, connected to one server. */
export interface Group {
  followers: Follower[];
  /** Sends the next message of one of the senders. */
  say: (() => void)[];
  on: { ack(sender: number): void; delivered(messages: number): void };
  /** Set when a line is not what it must be. */
  failure: Error | null;
}

/** What a member's device has seen: the number that each message must follow. */
export interface Follower {
  last: number;
  acks: number;
}

export const newGroup = (): Group => ({ followers: [], say: [], on: { ack: () => {}, delivered: () => {} }, failure: null });

/** What a frame holds: numbers of messages that follow each other, and answers to sends. */
interface Seen {
  pushes: number;
  first: number;
  last: number;
  acks: number;
}

/**
 * Reads the frames of a group's devices. Where a server gives many sockets the same frame it is read once.
 * @param number the label before the number that rises by one with each message, in pushes and answers alike
 */
export function groupReader(group: Group, number: '"seq":' | '"offset":'): (follower: Follower, sender: number, frame: Buffer) => void {
  let before = Buffer.alloc(0);
  let seen: Seen = { pushes: 0, first: 0, last: 0, acks: 0 };
  return (follower, sender, frame) => {
    try {
      if (frame.length < 200 || !frame.equals(before)) {
        seen = seenIn(frame.toString("latin1"), number);
        before = Buffer.from(frame);
      }
      take(group, follower, sender, seen);
    } catch (thrown) {
      group.failure ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    }
  };
}

function seenIn(text: string, number: string): Seen {
  const seen: Seen = { pushes: 0, first: 0, last: 0, acks: 0 };
  for (const line of text.includes("\n") ? text.split("\n") : [text]) {
    if (line === "{}" || line.includes('"subscribe":{')) continue;
    const at = numberAfter(line, number, number === '"offset":' ? Math.max(0, line.length - 40) : 0);
    if (line.startsWith('{"id"') || line.startsWith('{"ack"')) {
      seen.acks++;
      continue;
    }
    if (seen.pushes > 0 && at !== seen.last + 1) throw new Error(`after message ${seen.last} came ${line.slice(0, 300)}`);
    if (seen.pushes++ === 0) seen.first = at;
    seen.last = at;
  }
  return seen;
}

function take(group: Group, follower: Follower, sender: number, { pushes, first, last, acks }: Seen): void {
  if (pushes > 0) {
    if (first !== follower.last + 1) throw new Error(`after message ${follower.last} a device got ${first}`);
    follower.last = last;
    group.on.delivered(pushes);
  }
  for (let i = 0; i < acks; i++) {
    follower.acks++;
    group.on.ack(sender);
  }
}

export interface GroupSlice {
  messages: number;
  /** Deliveries a second to all devices together. */
  rate: number;
  /** Longest time in which no device got anything while messages were under way, ms. */
  pause: number;
}

/** Lets every sender keep `inFlight` unanswered messages for the time given, then waits until each device has all of them. */
export async function runGroup(group: Group, inFlight: number, seconds: number): Promise<GroupSlice> {
  let open = true;
  let messages = 0;
  let deliveries = 0;
  let lastAt = performance.now();
  let pause = 0;
  const send = (sender: number): void => {
    messages++;
    group.say[sender]?.();
  };
  group.on = {
    ack: (sender) => open && send(sender),
    delivered(count) {
      deliveries += count;
      const now = performance.now();
      pause = Math.max(pause, now - lastAt);
      lastAt = now;
    },
  };
  const started = performance.now();
  for (let i = 0; i < inFlight; i++) for (const sender of group.say.keys()) send(sender);
  await after(seconds * 1_000);
  open = false;
  await settled(group, () => deliveries >= messages * group.followers.length);
  return { messages, rate: (deliveries / (lastAt - started)) * 1_000, pause };
}

/** Throws when something was wrong, or nothing comes for 20 s. */
async function settled(group: Group, done: () => boolean): Promise<void> {
  const place = () => group.followers.reduce((sum, { last, acks }) => sum + last + acks, 0);
  let before = place();
  for (let quiet = 0; !done();) {
    if (group.failure !== null) throw group.failure;
    await after(2);
    const now = place();
    quiet = now === before ? quiet + 1 : 0;
    if (quiet > 10_000) throw new Error("deliveries of a group are missing");
    before = now;
  }
  if (group.failure !== null) throw group.failure;
}
