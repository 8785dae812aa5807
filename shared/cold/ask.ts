import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";

/** Runs a SELECT, posted as the body, and gives its rows decoded by `decode`. Values come in as literals of `sql.ts` or as `params`. */
export const ask = async <Raw, Row>(
  client: ClickHouseClient,
  query: string,
  decode: (raw: Raw) => Row,
  params: Record<string, unknown> = {},
  settings: ClickHouseSettings = {},
): Promise<Row[]> => {
  const answer = await client.query({ query, format: "JSONEachRow", query_params: params, clickhouse_settings: settings });
  const rows = await answer.json<Raw>();
  return rows.map(decode);
};
