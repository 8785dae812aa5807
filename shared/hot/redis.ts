import { Redis } from "ioredis";
import { setTimeout as after } from "node:timers/promises";
import { Refusal } from "#shared/wire/errors.ts";
import type { Logger } from "#shared/run/logger.ts";
import { loadScripts, type ScriptName } from "./scripts.ts";

/** How long a call may wait for a Redis that is away before the caller is asked to come again (ms). */
const PATIENCE = 5_000;

/** The hot tier's connection: scripts by name, and plain commands where one is enough. */
export interface Hot extends AsyncDisposable {
  /** Plain commands. Queued while Redis is away, refused with 108 after 5 s. */
  readonly redis: Redis;
  /**
   * Runs a script. Every script may be repeated without harm, so it is, when the connection breaks before the answer: up to 5 s, then 108.
   * @throws Refusal 108 when Redis is away, 111 when it is out of memory
   */
  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** A connection of its own, for blocking reads and subscriptions; disposed with the hot tier. */
  connect(): Redis;
}

/** Opens the hot tier at `url` (redis:, rediss: or a path of a Unix socket). Resolves when Redis has answered. */
export async function openHot(url: string, logger: Logger): Promise<Hot> {
  const scripts = loadScripts();
  const opened: Redis[] = [];
  const connect = (commandTimeout?: number): Redis => {
    const redis = new Redis(url, {
      maxRetriesPerRequest: null,
      // Without this, ioredis never settles what was under way when a connection broke. Every script here bears being repeated, and so do the plain commands.
      autoResendUnfulfilledCommands: true,
      retryStrategy: (attempt) => Math.min(50 * attempt, 500),
      ...(commandTimeout === undefined ? {} : { commandTimeout }),
    });
    let away = false;
    redis.on("error", (err: Error) => {
      if (!away) logger.warn({ err }, "Redis is away; calls wait for it");
      away = true;
    });
    redis.on("ready", () => {
      if (away) logger.info({}, "Redis is back");
      away = false;
    });
    opened.push(redis);
    return redis;
  };
  const redis = connect(PATIENCE);
  try {
    await redis.ping();
  } catch (err) {
    redis.disconnect();
    throw new Error(`Redis at ${url.replace(/\/\/[^@/]*@/, "//")} does not answer; start it or correct REDIS_URL`, { cause: err });
  }
  refuseWhileAway(redis);

  async function run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const script = scripts[name];
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
      } catch (err) {
        const message = err instanceof Error ? err.message : String(err);
        const away = err instanceof Refusal && err.code === 108;
        if (message.startsWith("NOSCRIPT")) {
          await redis.script("LOAD", script.source);
        } else if (message.includes("OOM command not allowed")) {
          throw new Refusal(111, "the hot tier is full");
        } else if (!away || Date.now() >= deadline) {
          throw err;
        } else {
          await after(20);
        }
      }
    }
  }

  return {
    redis,
    run,
    connect: () => connect(),
    async [Symbol.asyncDispose]() {
      for (const one of opened) one.disconnect();
      await Promise.resolve();
    },
  };
}

const awayWords = [
  "Connection is closed",
  "Command timed out",
  "ECONNRE",
  "ETIMEDOUT",
  "EPIPE",
  "LOADING",
  "Stream isn't writeable",
  "Command aborted",
  "READONLY",
];

/**
 * Makes the commands of a connection reject with 108 where Redis could not be reached. Those of a pipeline keep their errors in its rows, and
 * ioredis takes no answer from what it sends again itself.
 */
function refuseWhileAway(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  const sent = new WeakSet<object>();
  redis.sendCommand = (command, stream) => {
    const answer = send(command, stream);
    if (stream !== undefined || !(answer instanceof Promise) || sent.has(command)) return answer;
    sent.add(command);
    return answer.catch((thrown: unknown) => {
      throw thrown instanceof Error && isAway(thrown.message) ? new Refusal(108, "the hot tier is away") : thrown;
    });
  };
}

/** True if the message says that Redis could not be reached, so that the call may be repeated. */
const isAway = (message: string): boolean => awayWords.some((word) => message.includes(word));
