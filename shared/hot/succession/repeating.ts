import { setTimeout as after } from "node:timers/promises";
import { ReplyError } from "ioredis";
import { type Committed, committedBy } from "../commits.ts";
import { keys, partitions } from "../keys.ts";
import type { Script, ScriptName } from "../scripts.ts";
import { MOVED, repeatedScript } from "./guard.ts";
import { createMending, type Lost, type MendingParts } from "./mending.ts";
import type { KeptOp } from "./op-log.ts";
import { planOf } from "./plan.ts";
import { deliverAgain } from "./redelivery.ts";

/** A process that has not written for so long is not known any more, ms. */
const FORGOTTEN = 3_600_000;
/** Around the last write that survived, entries of the archive are looked at from so much earlier on (ms): clocks differ. */
const MARGIN = 10_000;
/** Other partitions are waited for so long, ms, and looked at so often. */
const PATIENCE = 5_000;
const PAUSE = 50;

/** Among what was brought: something is lost, whoever goes on with it. */
const UNSOUND = "unsound";
/** Among what was brought: all of it was done again. */
const REPEATED = "repeated";

/** Pub/sub channel of partitions that have lost something for good. */
export const LOSS = "loss";

/**
 * Does again, in their order, the writes that processes have brought for a partition, and makes its master the one that has all of it. Where writes stay
 * lost, what the archive has of them is put back, and the epochs of all that lies there change.
 */
export function createRepeating(parts: MendingParts) {
  const { ground, logger } = parts;
  const { redis, scripts, run, places, stateOf } = ground;
  const mending = createMending(parts);
  const repeated = new Map<ScriptName, Script>();

  async function brought(partition: number): Promise<{ ops: KeptOp[]; unsound: boolean }> {
    const all = await redis.hgetall(keys.lostTail(partition));
    const ops = Object.entries(all).flatMap(([field, text]) => (field.includes(" ") ? [JSON.parse(text) as KeptOp] : []));
    return { ops, unsound: UNSOUND in all };
  }

  /** What is found on the way stays so for whoever goes on after this process. */
  const say = (partition: number, word: typeof UNSOUND | typeof REPEATED) => run(scripts.contribute, places(partition), [word, 1]);

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

  const hasRepeated = async (partition: number): Promise<boolean> =>
    (await redis.hexists(keys.lostTail(partition), REPEATED)) === 1 || (await stateOf(partition)).whole;

  /** What inboxes hold is only known when what was brought for them is done again, too. Nothing that is waited for waits itself. */
  async function othersRepeated(partition: number): Promise<void> {
    const end = performance.now() + PATIENCE;
    for (let left = partitions().filter((other) => other !== partition); ;) {
      const repeats = await Promise.all(left.map((other) => hasRepeated(other).catch(() => false)));
      left = left.filter((_, i) => repeats[i] !== true);
      if (left.length === 0) return;
      if (performance.now() > end) {
        logger.error({ partition, left }, "partitions are not whole in time; numbers that inboxes there know of may be given again");
        return;
      }
      await after(PAUSE, undefined, { ref: false });
    }
  }

  /** Does what was brought again. What another process has done meanwhile shows in the number of the last write. */
  async function repeat(partition: number, absent: readonly string[]): Promise<void> {
    const state = await stateOf(partition);
    if (state.whole) return;
    const { ops, unsound } = await brought(partition);
    const plan = planOf(state.survived, ops);
    const lost: Lost = { absent, writes: plan.missing, conversations: new Map() };
    if (absent.length > 0 || plan.missing > 0 || plan.steps.some(({ torn }) => torn)) await say(partition, UNSOUND);
    let at = state.survived;
    let done = 0;
    for (const { op, torn } of plan.steps) {
      if (torn) for (const { conversationId, first, user } of committed(op)) await mending.fill(lost, conversationId, first - 1, user);
      const number = op.number ?? at;
      const answer = await again(partition, op, at, number);
      if (answer === undefined) {
        lost.writes++;
        await say(partition, UNSOUND);
      } else if (!Array.isArray(answer) || answer[0] === MOVED) return;
      else {
        for (const id of renumbered(op, answer[1])) await mending.note(lost, id);
        done++;
      }
      at = number;
    }
    await say(partition, REPEATED);
    const sound = !unsound && absent.length === 0 && lost.writes === 0 && lost.conversations.size === 0;
    const since = state.lastWrite - MARGIN;
    const archived = sound ? [] : await mending.archivedSince(since);
    if (!sound) {
      await othersRepeated(partition);
      await mending.mend(partition, lost, archived);
    }
    if ((await run(scripts.adopt, places(partition), [at, plan.last, Date.now() - FORGOTTEN])) !== 1) return;
    tell(partition, done, sound ? null : lost);
    if (sound) return;
    await redis.publish(LOSS, String(partition));
    await deliverAgain(
      redis,
      archived.map(({ conversationId }) => conversationId),
      since,
    );
  }

  function tell(partition: number, repeats: number, lost: Lost | null): void {
    const done = `partition ${partition} has a new master; ${repeats} writes that it had not got were done again`;
    if (lost === null) {
      logger.warn({ partition, repeated: repeats }, done);
      return;
    }
    const { absent, writes, conversations } = lost;
    const absence = absent.length === 0 ? "" : `, and what ${absent.length} processes kept that do not answer`;
    logger.error(
      { partition, repeated: repeats, lost: writes, conversations: Object.fromEntries(conversations), absent },
      `${done}; ${writes} are lost${absence}. Its epochs change, so that clients load their state again; with REDIS_WAIT=1 nothing is lost`,
    );
  }

  return repeat;
}

/** What a script says of what it was given or found is the same each time; that its node is away or full is not. */
const failsAlways = (error: unknown): boolean =>
  error instanceof Error && error instanceof ReplyError && /^(ERR|WRONGTYPE) .*@user_script/s.test(error.message);

const committed = ({ name, args, answer }: KeptOp): Committed[] => (name === "commit" ? committedBy(args, answer) : []);

/** Conversations whose messages got higher numbers this time. */
function renumbered(op: KeptOp, answer: unknown): string[] {
  const now = committed({ ...op, answer });
  return committed(op).flatMap(({ conversationId, first }, i) => (first > 0 && (now[i]?.first ?? 0) > first ? [conversationId] : []));
}
