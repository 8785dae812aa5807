import type { Redis } from "ioredis";
import { readLags, streamsOf } from "#services/archive/streams.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { readMetrics } from "../lean/metrics.ts";
import type { LoadServer } from "../lean/server.ts";

/** What a watch saw at one moment. */
export interface Sight {
  /** Seconds since the start. */
  at: number;
  answered: number;
  /** Age of the oldest record that is not archived (s): the larger of the server's metric and of what the streams say now. */
  lag: number;
  /** Bytes of Redis' `used_memory`. */
  memory: number;
  /** Inserts so far, by table. */
  inserts: Map<string, number>;
}

/** Asks ClickHouse as an analyst does; the rows of a JSONCompact answer. */
export async function askClickHouse<Line extends unknown[]>(server: LoadServer, query: string): Promise<Line[]> {
  const headers = { "X-ClickHouse-User": "analyst", "X-ClickHouse-Key": "analyst" };
  const response = await fetch(`${server.clickhouseUrl}/?default_format=JSONCompact`, { method: "POST", headers, body: query });
  const text = await response.text();
  if (!response.ok) throw new Error(`ClickHouse answers ${response.status} to ${query}: ${text}`);
  return (JSON.parse(text) as { data: Line[] }).data;
}

/** A part is numbered by the insert that made it, a merged one from its first to its last: the highest number counts the inserts of a table. */
const INSERTS = `SELECT table, toUInt32(sum(last)) FROM
  (SELECT table, partition_id, max(max_block_number) AS last FROM system.parts
   WHERE database = 'tributary' AND active AND table IN ('messages', 'inbox') GROUP BY ALL) GROUP BY table`;

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1] ?? NaN);
}

/** Looks at the server's stores. */
export async function lookAt(server: LoadServer, hot: Hot, at: number, answered: number): Promise<Sight> {
  const [lags, metrics, memory, inserts] = await Promise.all([
    readLags(hot, streamsOf(true)),
    readMetrics(server.http),
    usedMemory(hot.redis),
    askClickHouse<[string, number]>(server, INSERTS),
  ]);
  const told = [...metrics].filter(([name]) => name.startsWith("tributary_archive_lag_seconds{")).map(([, value]) => value);
  const lag = Math.max(...told, ...lags.map(({ seconds }) => seconds));
  return { at, answered, lag, memory, inserts: new Map(inserts) };
}

/** How often each message and pointer is in ClickHouse: rows, and different ones. */
export async function archivedRows(server: LoadServer): Promise<{ messages: [number, number]; inbox: [number, number] }> {
  const rows = async (table: string, key: string, where: string) => {
    const query = `SELECT toUInt32(count()), toUInt32(uniqExact(${key})) FROM tributary.${table} WHERE ${where}`;
    return (await askClickHouse<[number, number]>(server, query))[0] ?? [NaN, NaN];
  };
  return {
    messages: await rows("messages", "conversation_id, seq", "kind = 'text'"),
    inbox: await rows("inbox", "user, offset", "type = 'message'"),
  };
}
