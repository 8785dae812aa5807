/** One member's record in the head of a conversation: "role joinedSeq joinedAt readSeq count flags mark". */
export interface Member {
  role: "owner" | "admin" | "member" | "follower";
  joinedSeq: number;
  /** ms */
  joinedAt: number;
  readSeq: number;
  /** The conversation's count at max(readSeq, joinedSeq): unread is the head's count less this. */
  base: number;
  muted: boolean;
  pinned: boolean;
  markedUnread: boolean;
}

/** Bits of a member's flags. */
export const flags = { muted: 1, pinned: 2, markedUnread: 4 } as const;

const roles = { o: "owner", a: "admin", m: "member", f: "follower" } as const;

/** Reads a member's record; null where there is none. */
export function parseMember(text: string): Member | null {
  if (text === "") return null;
  const [role, joinedSeq, joinedAt, readSeq, base, bits] = text.split(" ");
  const set = Number(bits);
  return {
    role: roles[role as keyof typeof roles],
    joinedSeq: Number(joinedSeq),
    joinedAt: Number(joinedAt),
    readSeq: Number(readSeq),
    base: Number(base),
    muted: (set & flags.muted) !== 0,
    pinned: (set & flags.pinned) !== 0,
    markedUnread: (set & flags.markedUnread) !== 0,
  };
}

/** Seqs joined < seq ≤ left. `left` is Infinity while it lasts. */
export interface Stay {
  joined: number;
  left: number;
}

/** Reads earlier stays: "joined-left,…;readSeq". */
export function parseStays(text: string): Stay[] {
  const end = text.indexOf(";");
  const list = end < 0 ? text : text.slice(0, end);
  if (list === "") return [];
  return list.split(",").map((stay) => {
    const [joined, left] = stay.split("-");
    return { joined: Number(joined), left: Number(left) };
  });
}

/** All stays, ascending. */
export function staysOf(member: Member | null, past: string): Stay[] {
  const stays = parseStays(past);
  if (member !== null) stays.push({ joined: member.joinedSeq, left: Number.POSITIVE_INFINITY });
  return stays;
}

/** Intervals of read mode, ascending: "begin-end,begin-" where begin and end are seqs of mode entries; entries begin < seq ≤ end are delivered by the room. */
export function parseIntervals(text: string): Stay[] {
  if (text === "") return [];
  return text.split(",").map((interval) => {
    const [begin, end] = interval.split("-");
    return { joined: Number(begin), left: end === "" || end === undefined ? Number.POSITIVE_INFINITY : Number(end) };
  });
}

/** What both lists cover, ascending. */
export function intersect(a: readonly Stay[], b: readonly Stay[]): Stay[] {
  const both: Stay[] = [];
  for (const x of a) {
    for (const y of b) {
      const joined = Math.max(x.joined, y.joined);
      const left = Math.min(x.left, y.left);
      if (joined < left) both.push({ joined, left });
    }
  }
  return both;
}
