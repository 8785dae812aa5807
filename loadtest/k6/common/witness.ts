/** What one client saw, held against what the protocol promises. Knows nothing of k6, so that its own tests run without it. */

/**
 * duplicate: an entry came twice. gap: a number was jumped over. disorder: an entry came after a later one. missing: never came.
 * misplaced: two witnesses tell different things of one seq. miscounted: numbers that do not add up. unrecovered: a position was
 * not recovered from. stray: came on a channel or of a conversation that is not the client's.
 */
export const faults = ["duplicate", "gap", "disorder", "missing", "misplaced", "miscounted", "unrecovered", "stray"] as const;
export type Fault = (typeof faults)[number];
export type Report = (fault: Fault, words: string) => void;

export interface Position {
  epoch: string;
  offset: number;
}
export type Positions = Record<string, Position>;

/** The subscription of a channel in a connect reply. */
export interface Sub extends Position {
  recovered?: boolean;
  was_recovering?: boolean;
  publications?: { offset: number; data: Data }[];
}

export interface Message {
  conversationId: string;
  seq: number;
  from: string;
  clientMsgId: string;
  body: { text: string } | null;
}

/** `data` of a publication, as far as a witness looks at it. */
export type Data =
  | { type: "message"; message: Message }
  | { type: "edit" | "recall" | "reaction" | "member" | "update" | "mode"; conversationId: string; seq: number }
  | { type: "conversation"; conversation: { id: string; my?: { joinedSeq: number } } }
  | { type: "read" | "mention" | "relation" };

/** How far a client has come in a conversation, and what it jumped over. */
interface Stand {
  last: number;
  holes: Set<number>;
}

export type Witness = ReturnType<typeof createWitness>;

export function createWitness(user: string, report: Report) {
  const positions = new Map<string, Position>();
  const stands = new Map<string, Stand>();

  function expect(conversationId: string, seq: number): void {
    stands.set(conversationId, { last: seq, holes: new Set() });
  }

  function saw(conversationId: string, seq: number): void {
    const stand = stands.get(conversationId);
    if (stand === undefined) return report("stray", `${user} got seq ${seq} of ${conversationId}, which is not theirs`);
    if (seq <= stand.last) {
      const late = stand.holes.delete(seq);
      return report(
        late ? "disorder" : "duplicate",
        `${user} got seq ${seq} of ${conversationId} ${late ? "after" : "again, at"} ${stand.last}`,
      );
    }
    if (seq > stand.last + 1) report("gap", `${user} got seq ${seq} of ${conversationId} after ${stand.last}`);
    for (let hole = stand.last + 1; hole < seq; hole++) stand.holes.add(hole);
    stand.last = seq;
  }

  function recovered(channel: string, asked: Position, sub: Sub | undefined): void {
    if (sub?.recovered !== true || sub.was_recovering !== true)
      report(
        "unrecovered",
        `${user} came back to ${channel} at ${asked.offset}: ${sub === undefined ? "it was left out" : "not recovered"}`,
      );
    else if (sub.offset !== asked.offset) report("gap", `${user} came back to ${channel} at ${asked.offset}, it went on at ${sub.offset}`);
  }

  return {
    /** The client is a member of the conversation and has had everything up to this seq. */
    expect,
    /** Where the client stands, by channel. */
    positions: (): Positions => Object.fromEntries([...positions].map(([channel, position]) => [channel, { ...position }])),
    /** A connect reply came; `asked` are the positions that were sent. Its publications are told one by one afterwards. */
    connected(subs: Record<string, Sub>, asked: Positions): void {
      for (const [channel, position] of Object.entries(asked)) recovered(channel, position, subs[channel]);
      positions.clear();
      for (const [channel, sub] of Object.entries(subs)) {
        if (channel.startsWith("live:")) continue;
        positions.set(channel, { epoch: sub.epoch, offset: sub.offset });
        const [, conversationId] = /^conversation:(.+)$/.exec(channel) ?? [];
        // With no position at all every channel starts at its end: so far the client has had it.
        if (conversationId !== undefined && Object.keys(asked).length === 0) expect(conversationId, sub.offset);
      }
    },
    /** `timeline.sync` answered, and its publications have been told. */
    synced(given: Positions): void {
      for (const [channel, { offset }] of Object.entries(given)) {
        const had = positions.get(channel)?.offset;
        if (had !== undefined && had !== offset)
          report("gap", `${user} was synced to ${offset} of ${channel} with publications up to ${had}`);
      }
      positions.clear();
      for (const [channel, position] of Object.entries(given)) positions.set(channel, { ...position });
    },
    subscribed: (channel: string, position: Position): void => void positions.set(channel, { ...position }),
    unsubscribed: (channel: string): void => void positions.delete(channel),
    /** A publication came. Returns the message in it, or null. */
    published(channel: string, offset: number, data: Data): Message | null {
      const position = positions.get(channel);
      if (position === undefined) report("stray", `${user} got offset ${offset} of ${channel} without a subscription`);
      else {
        if (offset <= position.offset) report("duplicate", `${user} got offset ${offset} of ${channel} after ${position.offset}`);
        else if (offset > position.offset + 1) report("gap", `${user} got offset ${offset} of ${channel} after ${position.offset}`);
        position.offset = offset;
      }
      if (data.type === "message") {
        saw(data.message.conversationId, data.message.seq);
        return data.message;
      }
      if (data.type === "conversation") {
        const { id, my } = data.conversation;
        if (my !== undefined && !stands.has(id)) expect(id, my.joinedSeq);
      } else if ("seq" in data) saw(data.conversationId, data.seq);
      return null;
    },
    /** How many entries up to this seq the client lacks. */
    lacks(conversationId: string, head: number): number {
      const { last, holes } = stands.get(conversationId) ?? { last: 0, holes: new Set() };
      return Math.max(0, head - last) + holes.size;
    },
    /** The last seq the client has had of a conversation. */
    lastOf: (conversationId: string): number => stands.get(conversationId)?.last ?? 0,
  };
}
