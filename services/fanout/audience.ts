import { keys } from "#shared/hot/keys.ts";
import { parseMember, parseStays, type Stay } from "#shared/hot/member.ts";
import type { Hot } from "#shared/hot/redis.ts";

/**
 * Who an entry reaches: the members as of its seq, never today's list. Loaded once, then carried along by the member entries as the cursor passes them.
 */
export class Audience {
  readonly kind: string;
  readonly #stays: Map<string, Stay[]>;
  /** Changes up to this seq were in what was loaded. */
  readonly #loadedSeq: number;
  /** Users when it was loaded: what it counts for, though others join. */
  readonly size: number;
  /** Above this seq nothing is known to change: the present list holds. */
  #settled: number;
  #present: string[] | null = null;

  constructor(kind: string, stays: Map<string, Stay[]>, loadedSeq: number) {
    this.kind = kind;
    this.#stays = stays;
    this.#loadedSeq = loadedSeq;
    this.size = stays.size;
    this.#settled = 0;
    for (const list of stays.values()) {
      for (const { joined, left } of list) this.#settled = Math.max(this.#settled, joined, Number.isFinite(left) ? left : 0);
    }
  }

  /** The users whose stay holds the seq. */
  at(seq: number): string[] {
    if (seq <= this.#settled) return this.#filter(({ joined, left }) => joined < seq && seq <= left);
    this.#present ??= this.#filter(({ left }) => left === Number.POSITIVE_INFINITY);
    return this.#present;
  }

  #filter(holds: (stay: Stay) => boolean): string[] {
    const users: string[] = [];
    for (const [user, stays] of this.#stays) if (stays.some(holds)) users.push(user);
    return users;
  }

  join(users: readonly string[], seq: number): void {
    if (seq < this.#loadedSeq) return;
    for (const user of users) {
      const stays = this.#stays.get(user);
      if (stays?.at(-1)?.left === Number.POSITIVE_INFINITY) continue;
      if (stays === undefined) this.#stays.set(user, [{ joined: seq, left: Number.POSITIVE_INFINITY }]);
      else stays.push({ joined: seq, left: Number.POSITIVE_INFINITY });
      this.#changed(seq);
    }
  }

  leave(users: readonly string[], seq: number): void {
    if (seq < this.#loadedSeq) return;
    for (const user of users) {
      const stay = this.#stays.get(user)?.at(-1);
      if (stay?.left !== Number.POSITIVE_INFINITY || stay.joined > seq) continue;
      stay.left = seq;
      this.#changed(seq);
    }
  }

  #changed(seq: number): void {
    this.#settled = Math.max(this.#settled, seq);
    this.#present = null;
  }
}

/** Members remembered over all conversations. */
const MOST_MEMBERS = 500_000;

/** Audiences at hand, loaded when first asked for. */
export function createAudiences(hot: Hot) {
  const known = new Map<string, Audience>();
  let size = 0;
  return {
    /** The audience at hand, if any: what happens to a conversation nobody asked for need not be followed. */
    peek: (conversationId: string): Audience | undefined => known.get(conversationId),
    /** Loads it as far as it matters from `seq` on. */
    async load(conversationId: string, seq: number): Promise<Audience> {
      const at = known.get(conversationId);
      if (at !== undefined) return at;
      const audience = await read(hot, conversationId, seq);
      size += audience.size;
      while (size > MOST_MEMBERS && known.size > 0) {
        const [oldest, gone] = known.entries().next().value as [string, Audience];
        known.delete(oldest);
        size -= gone.size;
      }
      known.set(conversationId, audience);
      return audience;
    },
    /** Forgets one that has gone to read mode: its members need not be known until it comes back. */
    forget(conversationId: string): void {
      const gone = known.get(conversationId);
      if (gone === undefined) return;
      known.delete(conversationId);
      size -= gone.size;
    },
    /** Forgets all: after a hand-over another worker has followed the changes. */
    clear(): void {
      known.clear();
      size = 0;
    },
  };
}
export type Audiences = ReturnType<typeof createAudiences>;

async function read(hot: Hot, conversationId: string, seq: number): Promise<Audience> {
  const row = (await hot.run(
    "audience",
    [keys.head(conversationId), keys.past(conversationId), keys.leavers(conversationId), keys.order(conversationId)],
    [seq],
  )) as string[];
  const [head = "0", , kind = "g", , ...people] = row;
  const stays = new Map<string, Stay[]>();
  const cut = people.indexOf("");
  for (const [i, line] of people.entries()) {
    const space = line.indexOf(" ");
    const user = line.slice(0, space);
    const list = stays.getOrInsertComputed(user, () => []);
    if (i < cut) list.push({ joined: parseMember(line.slice(space + 1))?.joinedSeq ?? 0, left: Number.POSITIVE_INFINITY });
    else if (i > cut) list.unshift(...parseStays(line.slice(space + 1)));
  }
  return new Audience(kind, stays, Number(head));
}
