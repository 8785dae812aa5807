import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestServer, startTestServer } from "./server.ts";

const ROWS = 300_000;
const MEGABYTE = 1024 * 1024;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.owner.command({ query: "CREATE TABLE tributary.wide (id UInt64, text String CODEC(NONE)) ENGINE = MergeTree ORDER BY id" });
});
afterAll(() => server[Symbol.asyncDispose]());

const lines = function* () {
  for (let id = 0; id < ROWS; id += 1000) {
    let block = "";
    for (let i = id; i < id + 1000; i += 1) block += `${i}\t${`${i} `.padEnd(100, "x")}\n`;
    yield Buffer.from(block);
  }
};

test("30 MB go in and out as streams, with memory bounded", async () => {
  await server.owner.query({ query: "SELECT count() FROM tributary.wide" }).then((answer) => answer.text());
  const before = (await server.child.status()).rss;
  await server.owner.insert({ table: "tributary.wide", values: Readable.from(lines(), { objectMode: false }), format: "TabSeparated" });
  let rows = 0;
  const answer = await server.analyst.query({ query: "SELECT * FROM tributary.wide", format: "TabSeparated" });
  for await (const part of answer.stream()) rows += part.length;
  expect(rows).toBe(ROWS);
  expect((await server.child.status()).rss - before).toBeLessThan(300 * MEGABYTE);
});

test("a slow reader of a gigabyte holds the engine back: no more than a few of its blocks are in memory", async () => {
  const before = (await server.child.status()).rss;
  const answer = await fetch(server.child.url, { method: "POST", body: "SELECT number, repeat('x', 1000) FROM numbers(1000000)" });
  const reader = answer.body!.getReader();
  await reader.read();
  for (let i = 0; i < 50; i += 1) expect((await (await server.post("SELECT 1")).text()).trim()).toBe("1");
  const status = await server.child.status();
  expect(status.lanes.analyst.busy).toBe(1);
  expect(status.rss - before).toBeLessThan(200 * MEGABYTE);
  await reader.cancel();
});
