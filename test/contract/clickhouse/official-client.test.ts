import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { PASSWORD, type TestServer, startTestServer } from "./server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.owner.command({ query: "CREATE TABLE tributary.things (id UInt64, name String) ENGINE = MergeTree ORDER BY id" });
});
afterAll(() => server[Symbol.asyncDispose]());

describe("@clickhouse/client", () => {
  test("pings", async () => {
    expect(await server.analyst.ping()).toEqual({ success: true });
    expect(await server.owner.ping({ select: true })).toEqual({ success: true });
  });

  test("reads JSON, JSONEachRow, JSONCompact and CSV", async () => {
    const query = "SELECT number AS n, toString(number) AS s FROM numbers(3)";
    const json = await (await server.analyst.query({ query, format: "JSON" })).json<{ n: string }>();
    expect(json.data.map((row) => Number(row.n))).toEqual([0, 1, 2]);
    expect(await (await server.analyst.query({ query, format: "JSONEachRow" })).json()).toHaveLength(3);
    expect((await (await server.analyst.query({ query, format: "JSONCompact" })).json()).data).toHaveLength(3);
    expect(await (await server.analyst.query({ query, format: "CSVWithNames" })).text()).toBe('"n","s"\n0,"0"\n1,"1"\n2,"2"\n');
  });

  test("binds parameters of many types on the server", async () => {
    const answer = await server.analyst.query({
      query: "SELECT {s:String} AS s, {n:Int64} AS n, {a:Array(String)} AS a, {x:Nullable(UInt8)} AS x, {d:DateTime64(3,'UTC')} AS d",
      query_params: { s: "it's\t\\ 'x'\nü", n: -5, a: ["q'uote", "back\\slash"], x: null, d: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) },
      format: "JSONEachRow",
    });
    expect(await answer.json()).toEqual([
      { s: "it's\t\\ 'x'\nü", n: -5, a: ["q'uote", "back\\slash"], x: null, d: "2026-01-02 03:04:05.678" },
    ]);
  });

  test("inserts rows and a stream of rows, and reads them back as a stream", async () => {
    await server.owner.insert({ table: "tributary.things", values: [{ id: 1, name: "one" }], format: "JSONEachRow" });
    const rows = Readable.from(
      (function* () {
        for (let id = 2; id <= 20_000; id += 1) yield { id, name: `thing ${id}` };
      })(),
    );
    await server.owner.insert({ table: "tributary.things", values: rows, format: "JSONEachRow" });
    const answer = await server.analyst.query({ query: "SELECT id FROM tributary.things ORDER BY id", format: "JSONEachRow" });
    let count = 0;
    for await (const part of answer.stream()) count += part.length;
    expect(count).toBe(20_000);
  });

  test("speaks compressed in both directions", async () => {
    await using client = createClient({
      url: server.child.url,
      username: "tributary",
      password: PASSWORD,
      compression: { request: true, response: true },
    });
    await client.insert({ table: "tributary.things", values: [{ id: 90_001, name: "packed" }], format: "JSONEachRow" });
    const answer = await client.query({ query: "SELECT name FROM tributary.things WHERE id = 90001", format: "JSONEachRow" });
    expect(await answer.json()).toEqual([{ name: "packed" }]);
  });

  test("gets errors with ClickHouse's code and type", async () => {
    await expect(server.analyst.query({ query: "SELECT nosuch" })).rejects.toMatchObject({ code: "47", type: "UNKNOWN_IDENTIFIER" });
    await expect(server.analyst.query({ query: "SELECT 1 FROM" })).rejects.toMatchObject({ code: "62", type: "SYNTAX_ERROR" });
    await using wrong = createClient({
      url: server.child.url,
      username: "tributary",
      password: "wrong",
      log: { level: ClickHouseLogLevel.OFF },
    });
    await expect(wrong.query({ query: "SELECT 1" })).rejects.toMatchObject({ code: "516", type: "AUTHENTICATION_FAILED" });
  });

  test("an error in the middle of a stream reaches the reader", async () => {
    const query = "SELECT throwIf(number = 5000000) AS x FROM numbers(20000000)";
    const answer = await server.analyst.query({ query, format: "JSONEachRow" });
    const read = async () => {
      for await (const part of answer.stream()) void part.length;
    };
    await expect(read()).rejects.toThrow(/throwIf/);
  });

  test("keeps what SET said within a session_id", async () => {
    await server.analyst.command({ query: "SET max_block_size = 77", session_id: "one" });
    const ask = async (session_id: string) =>
      (
        await (
          await server.analyst.query({ query: "SELECT getSetting('max_block_size') AS v", session_id, format: "JSONEachRow" })
        ).json<{ v: string }>()
      )[0]!.v;
    expect(Number(await ask("one"))).toBe(77);
    expect(Number(await ask("two"))).not.toBe(77);
  });
});
