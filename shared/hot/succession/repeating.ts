import { type Redis, ReplyError } from "ioredis";
import type { Entry } from "#shared/wire/entry.ts";
import type { Logger } from "#shared/run/logger.ts";
import { type Committed, committedBy } from "../commits.ts";
import type { ColdEntries } from "../entries.ts";
import { keys, partitionOf } from "../keys.ts";
import { deliverAgain } from "./redelivery.ts";
import type { Script, ScriptName } from "../scripts.ts";
import type { Ground } from "./ground.ts";
import { MOVED, repeatedScript } from "./guard.ts";
import { type Given, heldBeyond } from "./held.ts";
import type { KeptOp } from "./op-log.ts";
import { planOf } from "./plan.ts";
import { ownKeys, renewEpochs, renewInboxes } from "./renewing.ts";

/** A process that has not written for so long is not known any more, ms. */
const FORGOTTEN = 3_600_000;
/** Around the last write that survived, entries of the archive are looked at from so much earlier on (ms): clocks differ. */
const MARGIN = 10_000;

/** Among what was brought: something is lost, whoever goes on with it. */
const UNSOUND = "unsound";

/** Pub/sub channel of partitions that have lost something for good. */
export const LOSS = "loss";

/** What the archive has, for entries that a lost master took with it. */
export interface Archived {
  /** Newest seq of each conversation that has entries since (Unix ms). */
  newest(since: number): Promise<Given[]>;
  entries: ColdEntries;
}

interface Lost {
  /** Processes that do not bring what they keep. */
  absent: readonly string[];
  /** Writes that nobody has. */
  writes: number;
  /** Conversations some of whose entries have other numbers than was told, or are only in the archive, or nowhere. */
  conversations: Map<string, { restored: number; lost: number }>;
}

export interface RepeatingParts {
  ground: Ground;
  /** The master that has a key. */
  masterOf: (key: string) => Redis | undefined;
  /** null where no archive is reached. */
  archived: Archived | null;
  logger: Logger;
}

/**
 * Does again, in their order, the writes that processes have brought for a partition, and makes its master the one that has all of it. Where writes stay
 * lost, what the archive has of them is put back, and the epochs of all that lies there change.
 */
export function createRepeating({ ground, masterOf, archived, logger }: RepeatingParts) {
  const { redis, scripts, run, places, stateOf } = ground;
  const repeated = new Map<ScriptName, Script>();

  async function brought(partition: number): Promise<{ ops: KeptOp[]; unsound: boolean }> {
    const all = await redis.hgetall(keys.lostTail(partition));
    const ops = Object.entries(all).flatMap(([field, text]) => (field.includes(" ") ? [JSON.parse(text) as KeptOp] : []));
    return { ops, unsound: UNSOUND in all };
  }

  /** What is found lost on the way stays so for whoever goes on after this process. */
  const noteUnsound = (partition: number) => run(scripts.contribute, places(partition), [UNSOUND, 1]);

  /** The script's answer; undefined if it fails on what it finds, as it would each time. */
  async function again(partition: number, op: KeptOp, at: number, number: number): Promise<unknown> {
    const script = repeated.getOrInsertComputed(op.name, (name) => repeatedScript(scripts[name]));
    try {
      return await run(script, [...op.keys, keys.life(partition)], [...op.args, at, number]);
    } catch (err) {
      if (!failsAlways(err)) throw err;
      logger.error({ err, partition, script: op.name, keys: op.keys }, "a write that a lost master took with it can't be done again");
      return undefined;
    }
  }

  /** Does what was brought again. What another process has done meanwhile shows in the number of the last write. */
  async function repeat(partition: number, absent: readonly string[]): Promise<void> {
    const state = await stateOf(partition);
    if (state.whole) return;
    const { ops, unsound } = await brought(partition);
    const plan = planOf(state.survived, ops);
    const lost: Lost = { absent, writes: plan.missing, conversations: new Map() };
    if (absent.length > 0 || plan.missing > 0 || plan.steps.some(({ torn }) => torn)) await noteUnsound(partition);
    let at = state.survived;
    let done = 0;
    for (const { op, torn } of plan.steps) {
      if (torn) for (const { conversationId, first, user } of committed(op)) await fill(lost, conversationId, first - 1, user, []);
      const number = op.number ?? at;
      const answer = await again(partition, op, at, number);
      if (answer === undefined) {
        lost.writes++;
        await noteUnsound(partition);
      } else if (!Array.isArray(answer) || answer[0] === MOVED) return;
      else {
        for (const id of renumbered(op, answer[1])) noteOf(lost, id);
        done++;
      }
      at = number;
    }
    const sound = !unsound && absent.length === 0 && lost.writes === 0 && lost.conversations.size === 0;
    const since = state.lastWrite - MARGIN;
    const newest = sound ? [] : await archivedSince(since);
    if (!sound) {
      for (const one of newest) if (partitionOf(one.conversationId) === partition) await putBack(one, lost);
      await renew(partition, lost);
      for (const id of lost.conversations.keys()) await renewInboxes(redis, id);
    }
    if ((await run(scripts.adopt, places(partition), [at, plan.last, Date.now() - FORGOTTEN])) !== 1) return;
    tell(partition, done, sound ? null : lost);
    if (sound) return;
    await redis.publish(LOSS, String(partition));
    await deliverAgain(
      redis,
      newest.map(({ conversationId }) => conversationId),
      since,
    );
  }

  /** Puts entries up to a seq, those that are given by seq and else such that change nothing. */
  async function fill(lost: Lost, conversationId: string, upTo: number, user: string, known: readonly Entry[]): Promise<void> {
    if (upTo < 1) return;
    const first = known[0]?.seq ?? 1;
    const texts: string[] = [];
    for (const { seq, id, count, letter, fields } of known) if (letter === "m") texts[seq - first] = `${id} ${count} m${fields}`;
    const places = [keys.head(conversationId), keys.mailbox(conversationId), keys.outbox(partitionOf(conversationId))];
    const args = [conversationId, user, upTo, first, ...Array.from(texts, (text) => text ?? "")];
    const [messages = 0, others = 0] = (await run(scripts.fill, places, args)) as number[];
    if (messages + others === 0) return;
    const note = noteOf(lost, conversationId);
    note.restored += messages;
    note.lost += others;
  }

  /** What had been archived before the master was lost is not lost, and nobody else gets its numbers. */
  async function putBack({ conversationId, seq }: Given, lost: Lost): Promise<void> {
    const head = await redis.hget(keys.head(conversationId), "s");
    if (archived === null || head === null || Number(head) >= seq) return;
    const seqs = Array.from({ length: seq - Number(head) }, (_, i) => Number(head) + 1 + i);
    const entries = (await archived.entries([{ conversationId, seqs }])).toSorted((x, y) => x.seq - y.seq);
    await fill(lost, conversationId, seq, await ownerOf(conversationId), entries);
  }

  /** New epochs for all that lies in the partition. What inboxes elsewhere hold of its conversations has been told of, and nobody else gets its numbers. */
  async function renew(partition: number, lost: Lost): Promise<void> {
    const master = masterOf(keys.life(partition));
    if (master === undefined) throw new Error(`no master is known to have partition ${partition}`);
    for await (const heads of ownKeys(master, partition, keys.head("0"))) {
      const ids = heads.map((key) => key.slice(key.lastIndexOf(":") + 1));
      for (const { conversationId, seq } of await heldBeyond(redis, ids))
        await fill(lost, conversationId, seq, await ownerOf(conversationId), []);
      await renewEpochs(master, heads);
    }
    for await (const users of ownKeys(master, partition, keys.user("0"))) await renewEpochs(master, users);
  }

  async function archivedSince(since: number): Promise<Given[]> {
    try {
      return (await archived?.newest(since)) ?? [];
    } catch (err) {
      logger.error({ err }, "the archive does not say what it had when a master was lost; numbers may be given again");
      return [];
    }
  }

  /** Or the first member, where nobody owns it. */
  const ownerOf = async (conversationId: string): Promise<string> =>
    (await redis.hget(keys.head(conversationId), "w")) || ((await redis.zrange(keys.order(conversationId), "0", "0"))[0] ?? "");

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

  return repeat;
}

/** What a script says of what it was given or found is the same each time; that its node is away or full is not. */
const failsAlways = (error: unknown): boolean =>
  error instanceof Error && error instanceof ReplyError && /^(ERR|WRONGTYPE) .*@user_script/s.test(error.message);

const noteOf = ({ conversations }: Lost, id: string) => conversations.getOrInsertComputed(id, () => ({ restored: 0, lost: 0 }));

const committed = ({ name, args, answer }: KeptOp): Committed[] => (name === "commit" ? committedBy(args, answer) : []);

/** Conversations whose messages got higher numbers this time. */
function renumbered(op: KeptOp, answer: unknown): string[] {
  const now = committed({ ...op, answer });
  return committed(op).flatMap(({ conversationId, first }, i) => (first > 0 && (now[i]?.first ?? 0) > first ? [conversationId] : []));
}
