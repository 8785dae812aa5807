import type { Hot } from "#shared/hot/redis.ts";
import { keys, partitionOf } from "#shared/hot/keys.ts";
import type { Logger } from "#shared/run/logger.ts";

const WINDOW = 5_000;
const CALM = 60_000;
const FIRST_PAUSE = 10 * 60_000;
const LONGEST_PAUSE = 6 * 3_600_000;
/** A conversation that has not switched for this long starts with the first pause again. */
const FORGET = 24 * 3_600_000;

/** What is known of a conversation's traffic beyond the present window, kept in Redis: a worker that takes over goes on with it. */
interface Standing {
  reading: boolean;
  /** ms; no switch to read mode by traffic before this. */
  notBefore: number;
  /** ms; the pause after the next switch. */
  pause: number;
  /** Members when it was switched: what an entry would have cost. */
  users: number;
}

interface Window {
  writes: number;
  since: number;
  users: number;
  /** Since when the traffic is below a fifth of the budget, ms. */
  calmSince: number;
}

export interface Traffic {
  note(conversationId: string, mode: "w" | "r", kind: string, users: number): void;
  /** Looks at all windows; call about once a second. */
  tick(now: number): Promise<void>;
  /** Takes over what is kept for these partitions. */
  adopt(partitions: ReadonlySet<number>): Promise<void>;
}

/**
 * Watches what copying costs. A conversation above the budget over 5 s goes to read mode; it returns after 60 s below a fifth of it.
 * After its return the next such switch is a pause away, 10 minutes at first, doubling to 6 h while it repeats.
 * @param budget inbox writes a second for one conversation; 0: no budget
 */
export function createTraffic(deps: {
  hot: Hot;
  budget: number;
  switchMode: (conversationId: string, mode: "r" | "w") => Promise<void>;
  logger: Logger;
}): Traffic {
  const { hot, budget, switchMode } = deps;
  const windows = new Map<string, Window>();
  const standings = new Map<string, Standing>();
  const windowOf = (conversationId: string): Window =>
    windows.getOrInsertComputed(conversationId, () => ({ writes: 0, since: Date.now(), users: 0, calmSince: Date.now() }));

  async function turn(conversationId: string, mode: "r" | "w", users: number, now: number): Promise<void> {
    const before = standings.get(conversationId);
    const repeated = before !== undefined && now - before.notBefore < FORGET;
    const next = repeated ? Math.min(before.pause * 2, LONGEST_PAUSE) : FIRST_PAUSE;
    const pause = mode === "r" ? next : (before?.pause ?? FIRST_PAUSE);
    const standing = { reading: mode === "r", notBefore: now + pause, pause, users };
    await hot.redis.hset(keys.traffic, conversationId, JSON.stringify(standing));
    await switchMode(conversationId, mode);
    standings.set(conversationId, standing);
    windows.delete(conversationId);
    deps.logger.info({ conversationId, mode: mode === "r" ? "read" : "write", users }, "switched by traffic");
  }

  async function look(conversationId: string, window: Window, now: number): Promise<void> {
    const seconds = (now - window.since) / 1_000;
    const rate = window.writes / Math.max(seconds, WINDOW / 1_000);
    const standing = standings.get(conversationId);
    const reading = standing?.reading === true;
    if (!reading && rate > budget && (standing === undefined || now >= standing.notBefore)) {
      await turn(conversationId, "r", window.users, now);
      return;
    }
    if (now - window.since < WINDOW) return;
    if (rate >= budget / 5) window.calmSince = now;
    window.writes = 0;
    window.since = now;
    if (reading && now - window.calmSince >= CALM) await turn(conversationId, "w", standing.users, now);
    else if (!reading && rate === 0) windows.delete(conversationId);
  }

  return {
    note(conversationId, mode, kind, users) {
      if (budget === 0 || kind === "s") return;
      const standing = standings.get(conversationId);
      if (mode === "r" && standing?.reading !== true) return;
      const window = windowOf(conversationId);
      window.users = mode === "w" ? users : (standing?.users ?? 0);
      window.writes += window.users;
    },
    async tick(now) {
      for (const [conversationId, window] of windows) await look(conversationId, window, now);
    },
    async adopt(partitions) {
      windows.clear();
      standings.clear();
      if (budget === 0) return;
      for (const [conversationId, text] of Object.entries(await hot.redis.hgetall(keys.traffic))) {
        if (!partitions.has(partitionOf(conversationId))) continue;
        const standing = JSON.parse(text) as Standing;
        standings.set(conversationId, standing);
        if (standing.reading) windowOf(conversationId);
        else if (Date.now() - standing.notBefore > FORGET) await hot.redis.hdel(keys.traffic, conversationId);
      }
    },
  };
}
