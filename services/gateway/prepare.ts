import { eventJson } from "#shared/wire/entry.ts";
import { isEvent, parsePointer, wantsTotal, withTotal, type Pointer } from "#shared/wire/pointer.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { totalOf, unreadCounts } from "#shared/hot/standings.ts";
import { listedIds } from "#shared/hot/users.ts";

/** What never changes of a conversation in one life of its stream. */
export interface Facts {
  epoch: string;
  kind: "s" | "g" | "f" | "v";
}

/** A pointer with what its publication needs, except a reader's total. */
export interface Ready {
  pointer: Pointer;
  /** JSON text */
  data: string;
  owesTotal: boolean;
  /** Set where the pointer begins a channel. */
  begins: Facts | null;
}

const MOST_FACTS = 50_000;

/** Gathers what pointers need before they can be put into frames: bodies, totals, epochs. From what is at hand without waiting, else from the stores. */
export function createPreparing(hot: Hot, entries: Entries) {
  const facts = new Map<string, Facts>();
  hot.whenLost(() => facts.clear());

  async function loadFacts(conversationIds: string[]): Promise<void> {
    const missing = conversationIds.filter((id) => !facts.has(id));
    if (facts.size + missing.length > MOST_FACTS) facts.clear();
    const found = await Promise.all(missing.map((id) => hot.redis.hmget(keys.head(id), "e", "k")));
    for (const [i, [epoch, kind]] of found.entries()) {
      if (epoch !== null && kind !== null && epoch !== undefined) facts.set(missing[i] as string, { epoch, kind: kind as Facts["kind"] });
    }
  }

  const mayBegin = (pointer: Pointer): boolean => pointer.letter === "o" || (pointer.letter === "J" && pointer.mode === "r");

  return {
    /** The pointer, ready; null if something of it is not at hand. */
    at: (text: string): Ready | null => {
      const pointer = parsePointer(text);
      const known = facts.get(pointer.conversationId);
      const begins = mayBegin(pointer);
      if (begins && known === undefined) return null;
      const channel = begins && known !== undefined && known.kind !== "f" ? known : null;
      if (isEvent(pointer)) return { pointer, data: pointer.json, owesTotal: wantsTotal(pointer), begins: channel };
      const entry = entries.peek(pointer.conversationId, pointer.seq);
      return entry === undefined ? null : { pointer, data: eventJson(entry), owesTotal: false, begins: channel };
    },
    /** Brings to hand what the pointers need. */
    async load(texts: Iterable<string>): Promise<void> {
      const pointers = [...texts].map(parsePointer);
      await Promise.all([
        entries.load(pointers.filter((pointer) => !isEvent(pointer))),
        loadFacts([...new Set(pointers.filter(mayBegin).map((pointer) => pointer.conversationId))]),
      ]);
    },
    /** The user's total unread count now. */
    async total(user: string): Promise<number> {
      return totalOf(await unreadCounts(hot, user, await listedIds(hot, user)));
    },
  };
}
export type Preparing = ReturnType<typeof createPreparing>;

/** The publication's data for one reader. */
export const dataFor = (ready: Ready, total: number): string => (ready.owesTotal ? withTotal(ready.data, total) : ready.data);
