import type { Room } from "./ledger.ts";
import type { Happening } from "./wire.ts";

export interface Stay {
  joined: number;
  /** Infinity while it lasts. */
  left: number;
}

/** What a conversation is after each of its entries, by the contract alone. */
export interface Told {
  readonly room: Room;
  readonly entries: readonly Happening[];
  /** Seq of the newest entry. */
  readonly head: number;
  countAt: (seq: number) => number;
  modeAt: (seq: number) => "write" | "read";
  /** Of a feed: its owner alone. */
  membersAt: (seq: number) => string[];
  ownerAt: (seq: number) => string | null;
  stays: (user: string) => readonly Stay[];
  holds: (user: string, seq: number) => boolean;
  /** True if the entry comes to the user's devices: what a feed posts in read mode is only read. */
  delivered: (user: string, seq: number) => boolean;
  /** True if the user is a member or follower now. */
  inside: (user: string) => boolean;
  /** Newest message up to a seq that the user may read while a member; 0 if there is none. */
  lastMessage: (user: string, seq: number) => number;
  messagesBy: (clientMsgId: string, user: string) => Happening[];
}

interface Step {
  count: number;
  mode: "write" | "read";
  members: string[];
  owner: string | null;
}

/**
 * Follows a conversation through its entries 1..n and finds what no sequence of entries may show: wrong numbers, changes that change nothing,
 * switches of mode by size that come at another place than right behind the entry that crossed the line.
 * @param most largest membership of a conversation in write mode
 * @param bySize true if the size alone decides on the mode
 * @param followed stays in it, if it is a feed
 */
export function replay(
  room: Room,
  entries: readonly Happening[],
  { most, bySize, followed }: { most: number; bySize: boolean; followed: ReadonlyMap<string, Stay[]> },
  fault: (what: string) => void,
): Told {
  const first = room.first.map((user): [string, Stay[]] => [user, [{ joined: 0, left: Number.POSITIVE_INFINITY }]]);
  const stays = new Map<string, Stay[]>([...followed, ...first]);
  const big = room.kind === "group" && room.first.length > most;
  const steps: Step[] = [
    { count: 0, mode: big ? "read" : "write", members: [...room.first], owner: room.kind === "single" ? null : room.creator },
  ];
  const at = (seq: number): Step => steps[Math.min(seq, steps.length - 1)] as Step;
  const told = (seq: number, what: string) => fault(`${room.id} seq ${seq}: ${what}`);
  let lastId = 0n;
  let lastAt = 0;
  for (const [i, entry] of entries.entries()) {
    const seq = i + 1;
    const body = entry.message ?? entry;
    const before = at(i);
    const now: Step = { ...before, count: before.count + (entry.type === "message" ? 1 : 0) };
    if (body.prev !== i) told(seq, `prev is ${body.prev}`);
    if (body.count !== now.count) told(seq, `count is ${body.count}, not ${now.count}`);
    if ((body.at ?? 0) < lastAt) told(seq, "its time is before that of the entry before");
    lastAt = body.at ?? 0;
    if (entry.message !== undefined) {
      if (BigInt(entry.message.id) <= lastId) told(seq, "its message id does not rise");
      lastId = BigInt(entry.message.id);
      if (!before.members.includes(entry.message.from)) told(seq, `${entry.message.from} sends without being a member`);
    }
    if (entry.type === "member") changeMembers(entry, seq, now);
    if (entry.type === "mode") {
      if (entry.mode === undefined || entry.mode === before.mode) told(seq, `switches to ${entry.mode} from the same`);
      now.mode = entry.mode ?? now.mode;
    }
    if (bySize) checkMode(seq, before, entry, i);
    steps.push(now);
  }

  function changeMembers({ users = [], change, by = "" }: Happening, seq: number, now: Step): void {
    for (const user of users) {
      const own = stays.getOrInsertComputed(user, () => []);
      const last = own.at(-1);
      const inside = last?.left === Number.POSITIVE_INFINITY;
      if (change === "joined") {
        if (inside) told(seq, `${user} joins while inside`);
        else own.push({ joined: seq, left: Number.POSITIVE_INFINITY });
        now.members = [...now.members, user];
      } else {
        if (last === undefined || !inside) told(seq, `${user} leaves while outside`);
        else last.left = seq;
        now.members = now.members.filter((member) => member !== user);
      }
    }
    if (change === "left" && now.owner === by) now.owner = now.members[0] ?? null;
  }

  function checkMode(seq: number, before: Step, entry: Happening, i: number): void {
    if (room.kind === "feed") return;
    const due =
      room.kind === "single"
        ? null
        : before.mode === "write"
          ? before.members.length > most
            ? "read"
            : null
          : before.members.length < most * 0.8
            ? "write"
            : null;
    const crossing = entries[i - 1]?.type === "member" ? due : null;
    if (crossing !== null && (entry.type !== "mode" || entry.mode !== crossing)) told(seq, `the switch to ${crossing} is missing`);
    if (crossing === null && entry.type === "mode") told(seq, `switches to ${entry.mode} with ${before.members.length} members`);
  }

  const inside = (user: string): boolean => stays.get(user)?.at(-1)?.left === Number.POSITIVE_INFINITY;
  if (bySize && room.kind === "feed") checkFeedMode();

  /** Who follows and unfollows leaves no entry: only what it has come to can be seen. */
  function checkFeedMode(): void {
    const { mode } = at(entries.length);
    const members = [...stays.keys()].filter(inside).length;
    if (mode === "write" ? members > most : members < most * 0.8) told(entries.length, `a feed of ${members} is in ${mode} mode`);
  }

  const holds = (user: string, seq: number): boolean => (stays.get(user) ?? []).some(({ joined, left }) => joined < seq && seq <= left);
  return {
    room,
    entries,
    head: entries.length,
    countAt: (seq) => at(seq).count,
    modeAt: (seq) => at(seq).mode,
    membersAt: (seq) => at(seq).members,
    ownerAt: (seq) => at(seq).owner,
    stays: (user) => stays.get(user) ?? [],
    holds,
    delivered: (user, seq) => holds(user, seq) && (room.kind !== "feed" || at(seq - 1).mode === "write"),
    inside,
    lastMessage: (user, seq) =>
      entries.findLastIndex((entry, i) => i < seq && entry.type === "message" && (room.all || holds(user, i + 1))) + 1,
    messagesBy: (clientMsgId, user) => entries.filter(({ message }) => message?.clientMsgId === clientMsgId && message.from === user),
  };
}
