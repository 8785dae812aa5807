import { mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#shared/run/logger.ts";
import { isSocketPath } from "#shared/run/redis-url.ts";
import { claimDirectory, type DirectoryClaim } from "./claim.ts";
import { type ClusterNode, confText, type Endpoint, urlOf } from "./conf.ts";
import { openRedis, type RedisProcess } from "./process.ts";
import { freePort } from "./ready.ts";
import { findRedisServer, type RedisProgram } from "./server-file.ts";

/** How long a Redis may take to write its last lines before it is killed. */
const graceMs = 10_000;
const firstPauseMs = 50;
const longestPauseMs = 5_000;
/** A Redis that lived this long was well: the pauses begin anew. */
const steadyMs = 10_000;

export interface RedisOptions {
  /** A directory of its own, made when missing. */
  dir: string;
  /** `fsync`: every answered write is on disk; `everysec`: a crash of the machine may lose the last second. */
  durability: "fsync" | "everysec";
  /** On 127.0.0.1; none or 0: a free one. */
  port?: number;
  /** Listen on `<dir>/redis.sock` (only this user may connect) and on no port, where a socket can be there. */
  unixSocket?: boolean;
  /** Bytes; none: no limit. Past it writes are refused, nothing is evicted. */
  maxMemory?: number;
  /** To be a node of a cluster, see cluster.ts. */
  cluster?: ClusterNode;
  logger: Logger;
  /** Ends the wait for a start that takes long, such as the load of much data. */
  signal?: AbortSignal;
  /** Called each time the Redis ended by itself, before it is started again. */
  onRestart?: () => void;
}

export interface RedisChild extends AsyncDisposable {
  /** As ioredis takes it: `redis://127.0.0.1:<port>` or the path of the socket. Stays the same over restarts. */
  url: string;
  /** Of the Redis running now, or of the last one while it is being restarted. */
  pid(): number;
  /** kill -9, and no other is started in its place until `revive`. */
  kill(): Promise<void>;
  /** Starts it again after `kill`. */
  revive(): Promise<void>;
  /** Ends the Redis with its data on disk. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

/**
 * Starts the machine's own `redis-server` with an append-only file in `dir` and resolves once it answers. If it dies it is started again at the
 * same address, with growing pauses. It ends with this process, also with a killed one (at once where Linux' `setpriv` is there, else when the next
 * start finds its pid in `redis.pid`). Rejects, in one sentence, when `redis-server` is missing or too old, or `dir` is in use by a live process.
 */
export async function startRedis(options: RedisOptions): Promise<RedisChild> {
  const program = await findRedisServer();
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  const confPath = join(dir, "redis.conf");
  const claim = await claimDirectory(dir, confPath, graceMs);
  try {
    return await startAtFreeAddress({ program, confPath, claim, options }, dir);
  } catch (error) {
    await claim.release();
    throw error;
  }
}

interface Post {
  program: RedisProgram;
  confPath: string;
  claim: DirectoryClaim;
  options: RedisOptions;
}

/** A free port may be taken by another process before Redis opens it: then another one is tried. Where no socket can be made it is a port. */
async function startAtFreeAddress(post: Post, dir: string, tries = 3): Promise<RedisChild> {
  const endpoint = await endpointFor(post.options, dir);
  await writeFile(post.confPath, confText({ ...post.options, dir, endpoint }), { mode: 0o600 });
  const child = new SupervisedRedis(post, endpoint);
  try {
    await child.start(post.options.signal);
    return child;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    if (message.includes("Failed opening Unix socket"))
      return await startAtFreeAddress({ ...post, options: { ...post.options, unixSocket: false } }, dir);
    const taken = message.includes("Address already in use");
    if (!taken || tries <= 1 || (post.options.port ?? 0) !== 0) throw error;
    return await startAtFreeAddress(post, dir, tries - 1);
  }
}

async function endpointFor({ unixSocket, port }: RedisOptions, dir: string): Promise<Endpoint> {
  const socket = join(dir, "redis.sock");
  if (unixSocket === true && isSocketPath(socket)) return { socket };
  return { port: port === undefined || port === 0 ? await freePort() : port };
}

class SupervisedRedis implements RedisChild {
  readonly url: string;
  readonly #post: Post;
  readonly #endpoint: Endpoint;
  readonly #stopping = new AbortController();
  #current: RedisProcess | null = null;
  #revival: Promise<void> = Promise.resolve();
  #pauseMs = firstPauseMs;
  #stopped: Promise<void> | null = null;
  #killed = false;

  constructor(post: Post, endpoint: Endpoint) {
    this.#post = post;
    this.#endpoint = endpoint;
    this.url = urlOf(endpoint);
  }

  pid(): number {
    return this.#current?.pid ?? -1;
  }

  /** Resolves once Redis answers; rejects, with no process left, when it ends before that or `giveUp` is aborted. */
  async start(giveUp: AbortSignal = this.#stopping.signal): Promise<void> {
    const { program, confPath, claim, options } = this.#post;
    const redis = openRedis(program, confPath, options.logger);
    this.#current = redis;
    try {
      await claim.note(redis.pid);
      await redis.answering(this.#endpoint, giveUp);
    } catch (error) {
      await redis.end(graceMs);
      throw error;
    }
    void redis.ended.then((livedMs) => {
      if (!this.#stopping.signal.aborted && !this.#killed) this.#revival = this.#revive(livedMs);
    });
  }

  async #revive(livedMs: number): Promise<void> {
    const { logger, onRestart } = this.#post.options;
    logger.error({ livedMs: Math.round(livedMs) }, "redis-server ended by itself; starting it again");
    onRestart?.();
    if (livedMs > steadyMs) this.#pauseMs = firstPauseMs;
    while (await this.#paused()) {
      try {
        await this.start();
        logger.info("redis-server answers again");
        return;
      } catch (err) {
        logger.error({ err, nextTryMs: this.#pauseMs }, "redis-server could not be started again");
      }
    }
  }

  /** Waits for the pause before the next try, and doubles it; `false` when there is to be none. */
  async #paused(): Promise<boolean> {
    await delay(this.#pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    return !this.#stopping.signal.aborted;
  }

  async kill(): Promise<void> {
    this.#killed = true;
    await this.#current?.kill();
  }

  async revive(): Promise<void> {
    this.#killed = false;
    await this.start();
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#end();
    await this.#stopped;
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    await this.#revival;
    await this.#current?.end(graceMs);
    await this.#post.claim.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
