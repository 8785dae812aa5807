import { Redis, type ChainableCommander, type Cluster } from "ioredis";
import { setTimeout as after } from "node:timers/promises";
import { Refusal } from "#shared/wire/errors.ts";
import type { Logger } from "#shared/run/logger.ts";
import { parseClusterUrl, type ClusterAddress } from "#shared/run/redis-url.ts";
import { plainAttempt, type Attempt } from "./attempt.ts";
import { disconnect, refuseWhileAway } from "./away.ts";
import { connectCluster, masterOf } from "./cluster.ts";
import { chooseLayout } from "./layout.ts";
import { chained } from "./pipeline.ts";
import { reachRedis } from "./reach.ts";
import { isTold, untilHeld, type Replicas } from "./replicas.ts";
import { loadScripts, type ScriptName } from "./scripts.ts";
import type { Archived } from "./succession/mending.ts";
import { createSuccession, type Succession } from "./succession/index.ts";
import { clusterTail, singleTail, type Tail } from "./tail.ts";

/** How long a call may wait for a Redis that is away before the caller is asked to come again (ms). */
const PATIENCE = 5_000;

/** The hot tier's connection: scripts by name, and plain commands where one is enough. */
export interface Hot extends AsyncDisposable {
  /** True if keys lie in many slots: a script, or a command, takes those of one only. See `spread`. */
  readonly cluster: boolean;
  /** Plain commands. Queued while Redis is away, refused with 108 after 5 s. On a cluster each goes where its key is. */
  readonly redis: Redis;
  /**
   * Runs a script. Every script may be repeated without harm, so it is, when the connection breaks before the answer: up to 5 s, or until
   * the hot tier is disposed; then 108.
   * @throws Refusal 108 when Redis is away, 111 when it is out of memory
   */
  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Plain commands in one go. On a cluster they may be of any slots, and each is sent where its key is. */
  pipeline(): ChainableCommander;
  /** The Redis, or every master of the cluster: for what is asked of a whole node. */
  masters(): Redis[];
  /**
   * To be called before a write at a key; what it returns waits after it until `REDIS_WAIT` replicas hold it. Scripts of a cluster that somebody is told
   * of wait by themselves, but for commits.
   * @throws Refusal 108 where they do not
   */
  held: (key: string) => () => Promise<void>;
  /** True if a master that is lost loses nothing that anybody was told of, so that readers of streams wait for what they have read. */
  readonly replicates: boolean;
  /** What is kept at hand of entries and epochs is to be forgotten when a lost master took them along for good. */
  whenLost(forget: () => void): void;
  /** A connection for reading streams as they grow; disposed with the hot tier. */
  tail(): Tail;
  /** A connection for pub/sub; disposed with the hot tier. */
  subscriber(): Redis;
}

/** What is different between one Redis and a cluster. */
type Connected = Omit<Hot, "run" | "held" | "replicates" | "whenLost" | typeof Symbol.asyncDispose> & {
  replicas: Replicas;
  /** null where Redis is one node. */
  nodes: Cluster | null;
  /** Puts a script where it is missing, and runs it if that is one step. */
  teach: (source: string, keys: readonly string[], args: readonly (string | number)[]) => Promise<{ answer: unknown } | null>;
  end: () => void;
};

/**
 * Opens the hot tier at `url` (redis:, rediss:, redis+cluster:, rediss+cluster: or a path of a Unix socket). Resolves when Redis has answered.
 * @param redisWait replicas that must hold what somebody is told of
 * @param archived asked where a lost master of a cluster took entries with it
 */
export async function openHot(url: string, logger: Logger, redisWait = 0, archived: Archived | null = null): Promise<Hot> {
  const scripts = loadScripts();
  const address = parseClusterUrl(url);
  await reachRedis(url);
  const { teach, end, replicas, nodes, ...connected } = address === null ? openSingle(url, logger) : openCluster(address, logger);
  const { redis } = connected;
  await redis.ping();

  const replicates = redisWait > 0 && address !== null;
  const forgetting: (() => void)[] = [];
  const succession: Succession | null =
    nodes === null || replicates
      ? null
      : await createSuccession({
          cluster: nodes,
          replicas,
          scripts,
          archived,
          lost: () => forgetting.forEach((forget) => forget()),
          logger,
        });
  const held = (key: string): (() => Promise<void>) => untilHeld(replicas, key, redisWait);
  let ended = false;

  async function run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const wait = replicates && isTold(name) ? held(keys[0] ?? "") : null;
    const answer = await runOnce(name, keys, args);
    await wait?.();
    return answer;
  }

  async function runOnce(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const attempt = succession?.attempt(name, keys, args) ?? plainAttempt(scripts[name], keys, args);
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      try {
        const taken = attempt.take(await evaluated(attempt));
        if ("answer" in taken) return taken.answer;
        await settledBy(taken.wait, deadline);
      } catch (err) {
        const message = err instanceof Error ? err.message : String(err);
        const away = err instanceof Refusal && err.code === 108;
        if (away && !ended && Date.now() < deadline) {
          await after(20);
          continue;
        }
        if (!away) attempt.failed();
        throw message.includes("OOM command not allowed") ? new Refusal(111, "the hot tier is full") : err;
      }
    }
  }

  async function evaluated(attempt: Attempt): Promise<unknown> {
    const { script, keys } = attempt;
    for (;;) {
      const all = attempt.args();
      try {
        return await redis.evalsha(script.sha, keys.length, ...keys, ...all);
      } catch (err) {
        if (!(err instanceof Error && err.message.startsWith("NOSCRIPT"))) throw err;
        const taught = await teach(script.source, keys, all);
        if (taught !== null) return taught.answer;
      }
    }
  }

  return {
    ...connected,
    run,
    held,
    replicates,
    whenLost: (forget) => void forgetting.push(forget),
    async [Symbol.asyncDispose]() {
      await succession?.leave();
      ended = true;
      end();
    },
  };
}

/** @throws Refusal 108 where it takes too long */
async function settledBy(what: Promise<void>, deadline: number): Promise<void> {
  const over = new AbortController();
  const late = after(Math.max(0, deadline - Date.now()), "late" as const, { signal: over.signal }).catch(() => "late" as const);
  try {
    if ((await Promise.race([what, late])) === "late") throw new Refusal(108, "a new master of the hot tier is not whole yet");
  } finally {
    over.abort();
  }
}

/** Says once that Redis is away, and once that it is back. */
function tellWhenAway(redis: Redis, logger: Logger): void {
  let away = false;
  redis.on("error", (err: Error) => {
    if (!away) logger.warn({ err }, "Redis is away; calls wait for it");
    away = true;
  });
  redis.on("ready", () => {
    if (away) logger.info({}, "Redis is back");
    away = false;
  });
}

function openSingle(url: string, logger: Logger): Connected {
  const opened: Redis[] = [];
  const connect = (commandTimeout?: number): Redis => {
    const redis = new Redis(url, {
      maxRetriesPerRequest: null,
      // Without this, ioredis never settles what was under way when a connection broke. Every script here bears being repeated, and so do the plain commands.
      autoResendUnfulfilledCommands: true,
      retryStrategy: (attempt) => Math.min(50 * attempt, 500),
      ...(commandTimeout === undefined ? {} : { commandTimeout }),
    });
    tellWhenAway(redis, logger);
    opened.push(redis);
    return redis;
  };
  const redis = connect(PATIENCE);
  chooseLayout(false);
  refuseWhileAway(redis);
  return {
    cluster: false,
    redis,
    nodes: null,
    teach: async (source) => {
      await redis.script("LOAD", source);
      return null;
    },
    pipeline: () => redis.pipeline(),
    masters: () => [redis],
    replicas: () => (wanted, ms) => redis.wait(wanted, ms),
    tail: () => singleTail(connect()),
    subscriber: () => connect(),
    end: () => {
      for (const one of opened) disconnect(one);
    },
  };
}

function openCluster(address: ClusterAddress, logger: Logger): Connected {
  const cluster: Cluster = connectCluster(address, PATIENCE);
  // It takes the same commands, by their keys.
  const redis = cluster as unknown as Redis;
  tellWhenAway(redis, logger);
  chooseLayout(true);
  refuseWhileAway(redis);
  const tails: Tail[] = [];
  return {
    cluster: true,
    redis,
    nodes: cluster,
    // Each master has scripts of its own, and a new one none.
    teach: async (source, keys, args) => ({ answer: await redis.eval(source, keys.length, ...keys, ...args) }),
    pipeline: () => chained(redis),
    masters: () => cluster.nodes("master"),
    replicas(key) {
      const before = masterOf(cluster, key);
      return async (wanted, ms) => {
        const now = masterOf(cluster, key);
        return now === undefined || now !== before ? 0 : now.wait(wanted, ms).catch(() => 0);
      };
    },
    tail() {
      const tail = clusterTail(cluster, address, logger);
      tails.push(tail);
      return tail;
    },
    subscriber: () => redis,
    end: () => {
      for (const tail of tails) tail[Symbol.dispose]();
      cluster.disconnect();
    },
  };
}
