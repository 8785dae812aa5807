/** What is known of one conversation from all that was said and seen. */
export interface Room {
  id: string;
  title: string;
  single: boolean;
  /** Seq before anything was said: the entries up to it came from filling the room. */
  start: number;
  /** By seq: the number of the message, or −1 for an entry that is no message. */
  entries: number[];
  /** Seq of the entry with which a user left. */
  left: Map<string, number>;
  /** Seq of the entry with which a user came, where it was not from the beginning. */
  joined: Map<string, number>;
  /** Users whose stay began with the room. */
  members: Set<string>;
  mode: "write" | "read";
  switches: number;
}

/** One socket: the last seq it has had of each conversation, and its inbox position. */
export interface Seen {
  user: string;
  name: string;
  inboxOffset: number;
  last: Map<string, number>;
}

interface Placed {
  conversationId: string;
  seq: number;
}
/** `data` of a publication, as far as the oracle looks at it. */
export type Data =
  | { type: "message"; message: Placed & { clientMsgId: string } }
  | ({ type: "member"; users: string[]; change: string } & Placed)
  | ({ type: "mode"; mode: "write" | "read" } & Placed)
  | { type: "conversation"; conversation: { id: string; my?: { joinedSeq: number } } }
  | { type: "read" };

/** Holds what devices get against what was sent. The first violations are kept in words, all are counted. */
export function createOracle() {
  const rooms = new Map<string, Room>();
  /** user and conversation → seq up to which they have read, by reading or sending. */
  const readSeqs = new Map<string, number>();
  const violations: string[] = [];
  let count = 0;
  const violated = (words: string): void => {
    if (count++ < 20) violations.push(words);
  };

  /** Every witness of a seq must name the same entry. */
  function place(room: Room, seq: number, n: number): void {
    const known = room.entries[seq];
    if (known === undefined) room.entries[seq] = n;
    else if (known !== n) violated(`${room.id} has two entries with seq ${seq}: ${known} and ${n}`);
  }

  function entry(device: Seen, { conversationId, seq }: Placed, n: number): Room | null {
    const room = rooms.get(conversationId);
    if (room === undefined) {
      violated(`${device.name} got an entry of a conversation that is not theirs: ${conversationId}`);
      return null;
    }
    const last = device.last.get(conversationId);
    if (last === undefined) violated(`${device.name} got seq ${seq} of ${conversationId} without being told of the conversation`);
    else if (seq !== last + 1) violated(`${device.name} got seq ${seq} of ${conversationId} after ${last}`);
    device.last.set(conversationId, seq);
    place(room, seq, n);
    return room;
  }

  function memberChange(room: Room, { users, change, seq }: Extract<Data, { type: "member" }>): void {
    const into = change === "joined" ? room.joined : change === "role" ? null : room.left;
    for (const user of users) into?.set(user, seq);
  }

  return {
    rooms,
    violations,
    violated,
    violationCount: () => count,
    /** A send was answered. */
    sent(room: Room, user: string, seq: number, n: number): void {
      place(room, seq, n);
      this.read(room, user, seq);
    },
    /** The user has read up to this seq. */
    read(room: Room, user: string, seq: number): void {
      const key = `${user} ${room.id}`;
      readSeqs.set(key, Math.max(seq, readSeqs.get(key) ?? 0));
    },
    readSeqOf: (room: Room, user: string): number => Math.max(readSeqs.get(`${user} ${room.id}`) ?? 0, room.joined.get(user) ?? 0),
    /** A device got a publication; returns the number of the message in it, or −1. */
    got(device: Seen, data: Data, inboxOffset: number | null): number {
      if (inboxOffset !== null) {
        if (inboxOffset !== device.inboxOffset + 1) violated(`${device.name} got inbox offset ${inboxOffset} after ${device.inboxOffset}`);
        device.inboxOffset = inboxOffset;
      }
      if (data.type === "message") {
        const n = Number(data.message.clientMsgId);
        entry(device, data.message, n);
        return n;
      }
      if (data.type === "conversation") {
        const { id, my } = data.conversation;
        if (my !== undefined && !device.last.has(id)) device.last.set(id, my.joinedSeq);
      } else if (data.type !== "read") {
        const room = entry(device, data, -1);
        if (room !== null && data.type === "member") memberChange(room, data);
        if (room !== null && data.type === "mode" && room.mode !== data.mode) {
          room.mode = data.mode;
          room.switches++;
        }
      }
      return -1;
    },
  };
}
export type Oracle = ReturnType<typeof createOracle>;

/** Seq of the newest entry that anyone knows of. */
export const headOf = (room: Room): number => Math.max(0, room.entries.length - 1);

/** The seq that a device of the user's must have reached once all has arrived. */
export const dueOf = (room: Room, user: string): number => room.left.get(user) ?? headOf(room);
