import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from "@clickhouse/client";

export interface ColdOptions {
  /** `http://host:port` of a ClickHouse, embedded or not. */
  url: string;
  /** The writing user; `tributary` when not given. */
  user?: string;
  password: string;
  /** Longest wait for an answer, in milliseconds. */
  timeoutMs?: number;
  /** Connections held open at most. */
  connections?: number;
}

/** A connection to ClickHouse that its opener disposes. */
export interface ColdClient extends AsyncDisposable {
  clickhouse: ClickHouseClient;
}

const SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 1,
  date_time_input_format: "basic",
  max_query_size: "16777216",
  async_insert: 0,
  wait_end_of_query: 0,
};

/**
 * A client for the cold tier. Idle sockets are dropped by this side after 2 s, long before any ClickHouse closes them, so no request
 * goes into a connection that is being closed. Opening does not connect; use `clickhouse.ping()` to ask.
 */
export const createColdClient = (options: ColdOptions): ColdClient => {
  const clickhouse = createClient({
    url: options.url,
    username: options.user ?? "tributary",
    password: options.password,
    application: "tributary",
    request_timeout: options.timeoutMs ?? 30_000,
    max_open_connections: options.connections ?? 8,
    keep_alive: { enabled: true, idle_socket_ttl: 2_000 },
    compression: { request: false, response: false },
    clickhouse_settings: SETTINGS,
    log: { level: ClickHouseLogLevel.OFF },
  });
  return { clickhouse, [Symbol.asyncDispose]: () => clickhouse.close() };
};
