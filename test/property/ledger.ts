import { isDeepStrictEqual } from "node:util";
import { placeOf, type Witness } from "./feed.ts";
import { createFollows, type Follows } from "./follows.ts";
import type { Answer, Conversation, Happening } from "./wire.ts";

/** A `message.send` that went out, and what came of it. */
export interface Sending {
  user: string;
  id: string;
  clientMsgId: string;
  text: string;
  /** The connection it went by, null for HTTP: one's order on it is kept. */
  connection: string | null;
  answer: Answer;
  round: number;
  /** The head was at least this when it began. */
  low: number;
  /** The head was at most this when its round was over. */
  high: number;
}
export interface Sent {
  id: string;
  seq: number;
  at: number;
  duplicate: boolean;
}

/** A conversation as an answer gave it, with what that answer had to know of. */
export interface Snapshot {
  user: string;
  conversation: Conversation;
  headFloor: number;
  readFloor: number;
  from: string;
}

/** What is known of one conversation while a run goes on. */
export interface Room {
  id: string;
  kind: "group" | "single" | "feed";
  creator: string;
  /** In the order of joining. */
  first: string[];
  all: boolean;
  open: boolean;
  createdAt: number;
  owner: string | null;
  /** Members, followers among them, as far as answers tell; when calls cross each other only a guess. */
  members: Set<string>;
}

/** Everything a run has seen: what was sent, answered and delivered. Conclusions are drawn when it is over. */
export interface Ledger extends Witness {
  readonly faults: string[];
  readonly rooms: Room[];
  readonly sendings: Sending[];
  readonly snapshots: Snapshot[];
  readonly follows: Follows;
  /** Rounds that are over. */
  round: () => number;
  /** `user conversation` where a `message.read` got no answer, so that the read seq is known only when it is looked up. */
  readonly lostReads: Set<string>;
  /** Entries by `conversation seq`, as the first device got them. */
  entryAt: (id: string, seq: number) => Happening | undefined;
  /** Lower bound of the user's read seq, from what has been answered to them. */
  readFloor: (user: string, id: string) => number;
  raiseRead: (user: string, id: string, seq: number) => void;
  raiseHead: (id: string, seq: number) => void;
  /** Call before asking; what it returns notes each conversation of the answer. */
  asking: (user: string, from: string) => (conversations: readonly Conversation[]) => void;
  /** A call changed, or may have changed, who is in it: its entries stretch the upper bound of the head, as not every answer tells them. */
  left: (id: string) => void;
  /** The round is over: everything begun is answered. */
  roundOver: () => void;
}

export function createLedger(): Ledger {
  const faults: string[] = [];
  const heads = new Map<string, number>();
  const reads = new Map<string, number>();
  const entries = new Map<string, Happening>();
  const sendings: Sending[] = [];
  const snapshots: Snapshot[] = [];
  const unseen = new Map<string, number>();
  const rooms: Room[] = [];
  const follows = createFollows();
  let open = 0;
  let round = 0;

  const head = (id: string): number => heads.get(id) ?? 0;
  const raise = (map: Map<string, number>, key: string, value: number): void => {
    if (value > (map.get(key) ?? 0)) map.set(key, value);
  };

  return {
    faults,
    sendings,
    snapshots,
    rooms,
    follows,
    round: () => round,
    isFeed: (id) => rooms.find((room) => room.id === id)?.kind === "feed",
    lostReads: new Set(),
    fault: (what) => faults.push(what),
    head,
    entry(seen) {
      const place = placeOf(seen);
      if (place === null) return;
      const key = `${place.id} ${place.seq}`;
      const known = entries.get(key);
      if (known === undefined) entries.set(key, seen);
      else if (!isDeepStrictEqual(known, seen))
        faults.push(`seq ${key} is told in two ways: ${JSON.stringify(known)} ${JSON.stringify(seen)}`);
      raise(heads, place.id, place.seq);
    },
    entryAt: (id, seq) => entries.get(`${id} ${seq}`),
    readFloor: (user, id) => reads.get(`${user} ${id}`) ?? 0,
    raiseRead: (user, id, seq) => raise(reads, `${user} ${id}`, seq),
    raiseHead: (id, seq) => raise(heads, id, seq),
    asking(user, from) {
      const heads0 = new Map(heads);
      const reads0 = new Map(reads);
      return (conversations) => {
        for (const conversation of conversations) {
          const { id, my, seq } = conversation;
          const key = `${user} ${id}`;
          snapshots.push({ user, conversation, from, headFloor: heads0.get(id) ?? 0, readFloor: reads0.get(key) ?? 0 });
          raise(heads, id, seq);
          if (my !== undefined) raise(reads, key, my.readSeq);
        }
      };
    },
    left: (id) => unseen.set(id, Math.max(unseen.get(id) ?? 0, head(id)) + 2),
    roundOver() {
      round++;
      follows.roundOver();
      for (; open < sendings.length; open++) {
        const sending = sendings[open];
        if (sending !== undefined) sending.high = Math.max(head(sending.id), unseen.get(sending.id) ?? 0);
      }
    },
  };
}
