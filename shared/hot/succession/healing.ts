import { setTimeout as after } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "#shared/run/logger.ts";
import type { Entry } from "#shared/wire/entry.ts";
import type { ColdEntries } from "../entries.ts";
import { keys, partitionOf } from "../keys.ts";
import type { Script, ScriptName } from "../scripts.ts";
import { committedBy } from "./committed.ts";
import { MOVED, repeatedScript } from "./guard.ts";
import { KEPT, type KeptOp, type OpLog } from "./op-log.ts";
import { planOf } from "./plan.ts";
import { renewEpochs, renewInboxes } from "./renewing.ts";

/** Processes that are not known to have written lately have this long to bring what they keep, ms. */
const GRACE = 300;
/** The others have this long, ms: callers wait no more than 5 s. */
const PATIENCE = 3_000;
/** Who can't ask the archive leaves it for so long to those who can, ms. */
const DEFERENCE = 2_000;
/** Between two looks, ms. */
const PAUSE = 50;
/** What was brought is kept so long, ms. */
const BROUGHT = 60_000;
/** Who does it again has this long before another one may, ms. */
const LEASE = 10_000;
/** Writes brought in one call. */
const CHUNK = 100;
/** A process that has not written for so long is not known any more, ms. */
const FORGOTTEN = 3_600_000;

/** Around the last write that survived, entries of the archive are looked at from so much earlier on (ms): clocks differ. */
const MARGIN = 10_000;

/** Pub/sub channel of partitions that have a new master. */
export const SUCCESSION = "succession";
/** Pub/sub channel of partitions that have lost something for good. */
export const LOSS = "loss";

/** What the archive has, for entries that a lost master took with it. */
export interface Archived {
  /** Newest seq of each conversation that has entries since (Unix ms). */
  newest(since: number): Promise<{ conversationId: string; seq: number }[]>;
  entries: ColdEntries;
}

export interface Healing {
  /** Resolves when the partition's master has all of it again, as far as that can be. Never rejects; ends when disposed of. */
  heal(partition: number): Promise<void>;
}

export interface HealingParts {
  redis: Redis;
  /** The master that has a key. */
  masterOf: (key: string) => Redis | undefined;
  scripts: Record<ScriptName, Script>;
  log: OpLog;
  /** Names this process. */
  self: string;
  /** null where no archive is reached. */
  archived: Archived | null;
  logger: Logger;
  ending: AbortSignal;
}

interface Lost {
  /** Processes that do not bring what they keep. */
  absent: readonly string[];
  /** Writes that nobody has. */
  writes: number;
  /** Conversations some of whose entries have other numbers than was told, or are only in the archive, or nowhere. */
  conversations: Map<string, { restored: number; lost: number }>;
}

type State = { whole: true } | { whole: false; survived: number; lastWrite: number; age: number; awaited: string[] };

/**
 * Brings a partition's new master to where the lost one was: every process brings the writes that it keeps, one of them does them again in order. Until
 * then nothing is read or written there. Where writes stay lost, the epochs of all that lies there change.
 */
export function createHealing({ redis, masterOf, scripts, log, self, archived, logger, ending }: HealingParts): Healing {
  const healings = new Map<number, Promise<void>>();
  const placesOf = (partition: number): [string, string] => [keys.life(partition), keys.lostTail(partition)];
  const call = (script: Script, on: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
    redis.eval(script.source, on.length, ...on, ...args);

  async function stateOf(partition: number): Promise<State> {
    const row = (await call(scripts.succeed, placesOf(partition), [KEPT, BROUGHT])) as string[];
    const [word, ...more] = row;
    if (word === "whole") {
      // What came in before this answer is taken first.
      setImmediate(() => log.heard(partition, Number(more[0])));
      return { whole: true };
    }
    const [survived = 0, lastWrite = 0, age = 0] = more.slice(0, 3).map(Number);
    return { whole: false, survived, lastWrite, age, awaited: more.slice(3) };
  }

  async function bring(partition: number, survived: number): Promise<void> {
    const ops = log.beyond(partition, survived);
    for (let first = 0; first < ops.length; first += CHUNK) {
      const fields = ops.slice(first, first + CHUNK).flatMap((op, i) => [`${self} ${first + i}`, JSON.stringify(op)]);
      await call(scripts.contribute, placesOf(partition), fields);
    }
    await call(scripts.contribute, placesOf(partition), [`@${self}`, ops.length]);
  }

  async function brought(partition: number): Promise<KeptOp[]> {
    const all = await redis.hgetall(keys.lostTail(partition));
    return Object.entries(all).flatMap(([field, text]) => (field.includes(" ") ? [JSON.parse(text) as KeptOp] : []));
  }

  async function untilWhole(partition: number): Promise<void> {
    let mine = false;
    for (;;) {
      ending.throwIfAborted();
      const state = await stateOf(partition);
      if (state.whole) return;
      if (!mine) await bring(partition, state.survived);
      mine = true;
      await redis.publish(SUCCESSION, String(partition));
      const patience = (state.awaited.length === 0 ? GRACE : PATIENCE) + (archived === null ? DEFERENCE : 0);
      if (state.age >= patience && (await lead(partition))) await again(partition, state.awaited).finally(() => release(partition));
      else await after(PAUSE, undefined, { signal: ending });
    }
  }

  const lead = async (partition: number): Promise<boolean> =>
    (await redis.set(keys.lease(SUCCESSION, partition), self, "PX", LEASE, "NX")) === "OK";
  const release = (partition: number): Promise<unknown> => redis.del(keys.lease(SUCCESSION, partition)).catch(() => 0);

  /** Does what was brought again. What another process has done meanwhile shows in the number of the last write. */
  async function again(partition: number, absent: readonly string[]): Promise<void> {
    const state = await stateOf(partition);
    if (state.whole) return;
    const plan = planOf(state.survived, await brought(partition));
    const lost: Lost = { absent, writes: plan.missing, conversations: new Map() };
    let at = state.survived;
    for (const { op, torn } of plan.steps) {
      if (torn) for (const { conversationId, first, user } of committedBy(op)) await fill(lost, conversationId, first - 1, user, []);
      const number = op.number ?? at;
      const answer = await call(repeatedScript(scripts[op.name]), [...op.keys, keys.life(partition)], [...op.args, at, number]);
      if (!Array.isArray(answer) || answer[0] === MOVED) return;
      for (const id of renumbered(op, answer[1])) noteOf(lost, id);
      at = number;
    }
    const sound = () => absent.length === 0 && plan.missing === 0 && lost.conversations.size === 0;
    if (!sound()) {
      await fillFromArchive(partition, state.lastWrite, lost);
      await renewEpochs(masterOf(keys.life(partition)), partition);
      for (const id of lost.conversations.keys()) await renewInboxes(redis, id);
    }
    if ((await call(scripts.adopt, placesOf(partition), [at, plan.last, Date.now() - FORGOTTEN])) !== 1) return;
    if (!sound()) await redis.publish(LOSS, String(partition));
    tell(partition, plan.steps.length, sound() ? null : lost);
  }

  /** Puts entries up to a seq, those that are given by seq and else such that change nothing. */
  async function fill(lost: Lost, conversationId: string, upTo: number, user: string, known: readonly Entry[]): Promise<void> {
    if (upTo < 1) return;
    const first = known[0]?.seq ?? 1;
    const texts: string[] = [];
    for (const { seq, id, count, letter, fields } of known) if (letter === "m") texts[seq - first] = `${id} ${count} m${fields}`;
    const places = [keys.head(conversationId), keys.mailbox(conversationId), keys.outbox(partitionOf(conversationId))];
    const args = [conversationId, user, upTo, first, ...Array.from(texts, (text) => text ?? "")];
    const [messages = 0, others = 0] = (await call(scripts.fill, places, args)) as number[];
    if (messages + others === 0) return;
    const note = noteOf(lost, conversationId);
    note.restored += messages;
    note.lost += others;
  }

  /** What had been archived before the master was lost is not lost, and nobody else gets its numbers. */
  async function fillFromArchive(partition: number, since: number, lost: Lost): Promise<void> {
    if (archived === null) return;
    try {
      const newest = (await archived.newest(since - MARGIN)).filter(({ conversationId }) => partitionOf(conversationId) === partition);
      for (const { conversationId, seq } of newest) {
        const [head, owner] = await redis.hmget(keys.head(conversationId), "s", "w");
        if (head === null || head === undefined || Number(head) >= seq) continue;
        const seqs = Array.from({ length: seq - Number(head) }, (_, i) => Number(head) + 1 + i);
        const entries = (await archived.entries([{ conversationId, seqs }])).toSorted((a, b) => a.seq - b.seq);
        const user = owner === "" || owner === null || owner === undefined ? await anyMember(conversationId) : owner;
        await fill(lost, conversationId, seq, user, entries);
      }
    } catch (err) {
      logger.error(
        { err, partition },
        "the archive does not say what it had of a partition that lost its master; its numbers may be given again",
      );
    }
  }

  const anyMember = async (conversationId: string): Promise<string> => (await redis.zrange(keys.order(conversationId), "0", "0"))[0] ?? "";

  function tell(partition: number, repeated: number, lost: Lost | null): void {
    const done = `partition ${partition} has a new master; ${repeated} writes that it had not got were done again`;
    if (lost === null) {
      logger.warn({ partition, repeated }, done);
      return;
    }
    const { absent, writes, conversations } = lost;
    const absence = absent.length === 0 ? "" : `, and what ${absent.length} processes kept that do not answer`;
    logger.error(
      { partition, repeated, lost: writes, conversations: Object.fromEntries(conversations), absent },
      `${done}; ${writes} are lost${absence}. Its epochs change, so that clients load their state again; with REDIS_WAIT=1 nothing is lost`,
    );
  }

  async function healed(partition: number): Promise<void> {
    while (!ending.aborted) {
      try {
        await untilWhole(partition);
        return;
      } catch (err) {
        logger.debug({ err, partition }, "a partition with a new master is not whole yet");
        await after(PAUSE, undefined, { signal: ending }).catch(() => undefined);
      }
    }
  }

  return {
    heal(partition) {
      const running = healings.get(partition);
      if (running !== undefined) return running;
      const healing = healed(partition).finally(() => healings.delete(partition));
      healings.set(partition, healing);
      return healing;
    },
  };
}

const noteOf = ({ conversations }: Lost, id: string) => conversations.getOrInsertComputed(id, () => ({ restored: 0, lost: 0 }));

/** Conversations whose messages got higher numbers this time. */
function renumbered(op: KeptOp, answer: unknown): string[] {
  const now = committedBy({ ...op, answer });
  return committedBy(op).flatMap(({ conversationId, first }, i) => (first > 0 && (now[i]?.first ?? 0) > first ? [conversationId] : []));
}
