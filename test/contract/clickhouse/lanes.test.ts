import { request } from "node:http";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createColdStore } from "#shared/cold/store.ts";
import { messageRows } from "./rows.ts";
import { PASSWORD, type TestServer, startTestServer } from "./server.ts";

const HEAVY = "SELECT count() FROM numbers(1e14) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 20";
/** How long a state is waited for. */
const SOON = { timeout: 20_000 };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { CLICKHOUSE_ANALYST_PLACES: "2", CLICKHOUSE_ANALYST_WAITING: "1" } });
});
afterAll(() => server[Symbol.asyncDispose]());

const lanes = async () => (await server.child.status()).lanes;

/** Sends a query as an analyst whose client can go away. */
const leaving = (query: string) => {
  const sent = request(server.child.url, { method: "POST" });
  sent.on("error", () => undefined);
  sent.end(query);
  return sent;
};

test("heavy queries of analysts delay neither inserts nor pages, the queue ends in code 202, and leaving frees every place", async () => {
  const store = createColdStore(server.owner);
  await store.insertMessages(messageRows("1", 1, 2_000));
  const heavy = [leaving(HEAVY), leaving(HEAVY)];
  await vi.waitFor(async () => expect((await lanes()).analyst.busy).toBe(2), SOON);
  heavy.push(leaving(HEAVY));
  await vi.waitFor(async () => expect((await lanes()).analyst.waiting).toBe(1), SOON);

  const refused = await server.post("SELECT 1");
  expect(await refused.text()).toMatch(/^Code: 202\. .*TOO_MANY_SIMULTANEOUS_QUERIES/);

  for (let i = 0; i < 10; i += 1) {
    await store.insertMessages(messageRows("2", 1 + i * 100, 100));
    expect(await store.entryPage({ conversationId: "1", limit: 50, descending: true })).toHaveLength(50);
  }
  expect((await lanes()).analyst.busy).toBe(2);

  for (const each of heavy) each.destroy();
  await vi.waitFor(async () => expect((await lanes()).analyst).toMatchObject({ busy: 0, waiting: 0 }), SOON);
  expect(await (await server.post("SELECT 2")).text()).toBe("2\n");
});

test("a client that leaves in the middle of a big answer frees its place", async () => {
  const sent = leaving("SELECT number, repeat('x', 100) FROM numbers(1e10)");
  await new Promise<void>((resolve) => sent.on("response", (answer) => answer.once("data", () => resolve(sent.destroy() && undefined))));
  await vi.waitFor(async () => expect((await lanes()).analyst.busy).toBe(0), SOON);
  expect(await (await server.post("SELECT 3")).text()).toBe("3\n");
});

test("a client that leaves in the middle of an insert inserts nothing", async () => {
  await server.owner.command({ query: "CREATE TABLE tributary.half (a UInt64) ENGINE = MergeTree ORDER BY a" });
  const headers = { "X-ClickHouse-User": "tributary", "X-ClickHouse-Key": PASSWORD };
  const sent = request(`${server.child.url}/?query=INSERT+INTO+tributary.half+FORMAT+TSV`, { method: "POST", headers });
  const closed = new Promise<void>((resolve) => sent.on("error", () => undefined).on("close", () => resolve()));
  sent.write("1\n2\n".repeat(10_000), () => sent.destroy());
  await closed;
  await vi.waitFor(async () => expect((await lanes()).write.busy).toBe(0), SOON);
  expect(await (await server.post("SELECT count() FROM tributary.half")).text()).toBe("0\n");
});

test("many queries at once with parameters of their own do not mix", async () => {
  const asked = Array.from({ length: 40 }, async (_, n) => {
    const query = "SELECT {n:UInt64} AS n, sleepEachRow(0.01)";
    const answer = await server.owner.query({ query, query_params: { n }, format: "JSONEachRow" });
    return Number((await answer.json<{ n: string }>())[0]!.n);
  });
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 40 }, (_, n) => n));
});
