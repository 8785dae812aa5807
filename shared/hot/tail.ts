import { Redis, type Cluster } from "ioredis";
import { setTimeout as after } from "node:timers/promises";
import type { Logger } from "#shared/run/logger.ts";
import type { ClusterAddress } from "#shared/run/redis-url.ts";
import { disconnect } from "./away.ts";
import { masterOf } from "./cluster.ts";

export type StreamRow = [id: string, fields: string[]];

/** Waits for what comes into streams. */
export interface Tail extends Disposable {
  /**
   * What stands in streams behind an id each, at most `count` entries of each; as soon as there is something in one of them, else after `ms`.
   * Streams whose node is away are left out.
   */
  read(
    places: readonly (readonly [key: string, after: string])[],
    count: number,
    ms: number,
  ): Promise<(readonly [key: string, rows: StreamRow[]])[]>;
}

type Reply = [key: string, rows: StreamRow[]][] | null;

/** On one node all streams are read by one call that blocks. */
export function singleTail(redis: Redis): Tail {
  return {
    async read(places, count, ms) {
      const [streams, ids] = [places.map(([key]) => key), places.map(([, id]) => id)];
      return ((await redis.xread("COUNT", count, "BLOCK", ms, "STREAMS", ...streams, ...ids)) as Reply) ?? [];
    },
    [Symbol.dispose]: () => disconnect(redis),
  };
}

/** How long a read on a cluster blocks: it outlives the call that began it (ms). */
const BLOCK = 2_000;
/** A node that does not answer such a read for this long beyond is given up (ms). */
const LATE = 1_500;
/** Before a node is asked again after it could not be reached (ms). */
const PAUSE = 100;

interface Reading {
  done: Promise<void>;
  rows: StreamRow[] | null;
}

/** On a cluster each stream has a connection of its own to the node that has it, as a blocked one can't do more. */
export function clusterTail(cluster: Cluster, { access }: ClusterAddress, logger: Logger): Tail {
  const connections = new Map<string, Redis>();
  const readings = new Map<string, Reading>();
  const ending = new AbortController();

  function connectionFor(key: string): Redis | undefined {
    const known = connections.get(key);
    if (known !== undefined) return known;
    const { host, port } = masterOf(cluster, key)?.options ?? {};
    if (host === undefined || port === undefined || ending.signal.aborted) return undefined;
    const made = new Redis({ ...access, host, port, commandTimeout: BLOCK + LATE, connectTimeout: LATE, retryStrategy: () => null });
    made.on("error", (err: Error) => logger.debug({ err, key }, "a stream can't be read for now"));
    connections.set(key, made);
    return made;
  }

  async function readOne(key: string, id: string, count: number): Promise<StreamRow[]> {
    const connection = connectionFor(key);
    try {
      if (connection === undefined) throw new Error("no node is known to have the stream");
      const reply = (await connection.xread("COUNT", count, "BLOCK", BLOCK, "STREAMS", key, id)) as Reply;
      return reply?.[0]?.[1] ?? [];
    } catch (err) {
      logger.debug({ err, key }, "a stream is looked for anew");
      if (connection !== undefined) disconnect(connection);
      if (connections.get(key) === connection) connections.delete(key);
      await after(PAUSE, undefined, { signal: ending.signal }).catch(() => undefined);
      return [];
    }
  }

  function begin(name: string, key: string, id: string, count: number): Reading {
    const reading: Reading = { rows: null, done: Promise.resolve() };
    reading.done = readOne(key, id, count).then((rows) => {
      // What ended empty is begun again by the next call that wants it.
      if (rows.length > 0) reading.rows = rows;
      else if (readings.get(name) === reading) readings.delete(name);
    });
    readings.set(name, reading);
    return reading;
  }

  return {
    async read(places, count, ms) {
      const wanted = new Map(places.map(([key, id]) => [`${key} ${id}`, [key, id] as const]));
      // What was begun for another place ends by itself.
      for (const name of readings.keys()) if (!wanted.has(name)) readings.delete(name);
      const all = [...wanted].map(([name, [key, id]]) => ({ name, key, reading: readings.get(name) ?? begin(name, key, id, count) }));
      const there = () => all.filter(({ reading }) => reading.rows !== null);
      if (there().length === 0) {
        const over = new AbortController();
        const late = after(ms, undefined, { signal: over.signal }).catch(() => undefined);
        await Promise.race([late, ...all.map(({ reading }) => reading.done)]);
        over.abort();
      }
      return there().map(({ name, key, reading }) => {
        readings.delete(name);
        return [key, reading.rows ?? []] as const;
      });
    },
    [Symbol.dispose]() {
      ending.abort();
      for (const connection of connections.values()) disconnect(connection);
    },
  };
}
