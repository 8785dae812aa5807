import { appendFile, cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "#shared/cold/migrate.ts";
import { statementsOf } from "#shared/run/migrations.ts";
import { statementFor } from "#shared/cold/tables.ts";
import type { EntryRow, MessageRow } from "#shared/cold/rows.ts";
import { type ColdStore, createColdStore } from "#shared/cold/store.ts";
import { inboxRows, messageRows } from "./rows.ts";
import { MIGRATIONS, type TestServer, startTestServer } from "./server.ts";

let server: TestServer;
let store: ColdStore;
beforeAll(async () => {
  server = await startTestServer();
  store = createColdStore(server.owner);
});
afterAll(() => server[Symbol.asyncDispose]());

/** What a reader of entries gets of a row. */
const entryOf = ({ conversation_id, seq, message_id, count, sender, kind, body, revision, client_msg_id, extra }: MessageRow): EntryRow => {
  return { conversation_id, seq, message_id, count, sender, kind, body, revision, client_msg_id, extra };
};
const seqs = (rows: readonly { seq: number }[]) => rows.map((row) => row.seq);

describe("migrations", () => {
  test("are applied once, and a changed file is refused in one sentence", async () => {
    expect(await migrate(server.owner, MIGRATIONS)).toEqual([]);
    const dir = await mkdtemp(join(tmpdir(), "migrations-"));
    await cp(MIGRATIONS, dir, { recursive: true });
    await appendFile(join(dir, "0002-dimensions.sql"), "-- changed\n");
    await expect(migrate(server.owner, dir)).rejects.toThrow(/^Migration 0002-dimensions\.sql was changed after it had been applied/);
    await rm(dir, { recursive: true });
  });

  test("put the growing tables under the storage policy that is asked for, and name the setting where there is none such", async () => {
    const under = (storagePolicy: string) => migrate(server.owner, MIGRATIONS, { replicated: false, storagePolicy });
    expect(await under("default")).toEqual([]);
    await expect(under("it's away")).rejects.toThrow(
      /^CLICKHOUSE_STORAGE_POLICY: \w+ can't be put under it's away: [^\n]*it's away[^\n]*$/,
    );
  });

  test("of replicated tables are statements that ClickHouse understands", async () => {
    for (const name of await readdir(MIGRATIONS)) {
      for (const statement of statementsOf(await readFile(join(MIGRATIONS, name), "utf8"))) {
        const query = "SELECT formatQuerySingleLine({statement: String}) AS text";
        const query_params = { statement: statementFor(statement, { replicated: true, storagePolicy: null }) };
        const [row] = await (await server.owner.query({ query, query_params, format: "JSONEachRow" })).json<{ text: string }>();
        expect(row?.text.includes("CREATE TABLE")).toBe(row?.text.includes("ENGINE = ReplicatedReplacingMergeTree"));
      }
    }
  });

  test("every table, view and column has a comment", async () => {
    const bare = `SELECT name FROM system.tables WHERE database = 'tributary' AND comment = ''
      UNION ALL SELECT table || '.' || name FROM system.columns WHERE database = 'tributary' AND comment = '' FORMAT TSV`;
    expect(await (await server.post(bare)).text()).toBe("");
  });

  test("text is found through the text index", async () => {
    await store.insertMessages(messageRows("40", 1, 10));
    const found = await server.post("SELECT seq FROM tributary.messages WHERE conversation_id = 40 AND hasAllTokens(text, ['hello', '7'])");
    expect(await found.text()).toBe("7\n");
  });
});

describe("messages", () => {
  test("come back as they went in, once though inserted twice", async () => {
    const rows = messageRows("41", 1, 300);
    await store.insertMessages(rows);
    await store.insertMessages(rows);
    expect(await store.entryPage({ conversationId: "41", limit: 1000, descending: false })).toEqual(rows.map(entryOf));
    expect(seqs(await store.entryPage({ conversationId: "41", fromSeq: 10, toSeq: 20, limit: 3, descending: true }))).toEqual([20, 19, 18]);
    expect(seqs(await store.entriesBySeq("41", [7, 5, 9999]))).toEqual([5, 7]);
    expect(await store.countMessages("41", 1, 100)).toBe(100);
    expect(
      await store.verifyMessages([
        { conversationId: "41", fromSeq: 1, toSeq: 500 },
        { conversationId: "9", fromSeq: 1, toSeq: 5 },
      ]),
    ).toEqual(
      new Map([
        ["41", 300],
        ["9", 0],
      ]),
    );
    expect(await store.countAt("41", 250)).toBe(250);
    expect(await store.countAt("41", 100_000)).toBe(300);
    expect(await store.countAt("9", 5)).toBeNull();
  });

  test("are paged over a jump in their seqs, and to an end that is no full page", async () => {
    await store.insertMessages([...messageRows("43", 1, 10), ...messageRows("43", 1_000, 10)]);
    const page = async (more: object) => seqs(await store.entryPage({ conversationId: "43", limit: 4, descending: true, ...more }));
    expect(await page({ toSeq: 1_001 })).toEqual([1_001, 1_000, 10, 9]);
    expect(await page({ toSeq: 3 })).toEqual([3, 2, 1]);
    expect(await page({ toSeq: 1_500 })).toEqual([1_009, 1_008, 1_007, 1_006]);
    expect(await page({ fromSeq: 9, toSeq: 1_009, descending: false })).toEqual([9, 10, 1_000, 1_001]);
    expect(await page({ fromSeq: 1_008, descending: false })).toEqual([1_008, 1_009]);
    expect(await page({ fromSeq: 5, toSeq: 4 })).toEqual([]);
  });

  test("show their highest revision", async () => {
    const [row] = messageRows("42", 1, 1);
    await store.insertMessages([{ ...row!, revision: 2, body: '{"text":"new"}' }]);
    await store.insertMessages([row!]);
    expect(await store.entriesBySeq("42", [1])).toEqual([entryOf({ ...row!, revision: 2, body: '{"text":"new"}' })]);
  });

  test("existing keys are found among 20,000", async () => {
    await store.insertMessages(messageRows("43", 1, 10_000));
    const wanted = Array.from({ length: 20_000 }, (_, i) => i + 1);
    const found = await store.existingMessages([{ conversationId: "43", seqs: wanted }]);
    expect(found.size).toBe(10_000);
    expect(found.has("43:10000")).toBe(true);
    expect(found.has("43:10001")).toBe(false);
  });

  test("one call of 20,000 rows is one part", async () => {
    await store.insertMessages(messageRows("44", 1, 20_000));
    const parts = await server.owner.query({
      query: "SELECT uniqExact(_part) AS n FROM tributary.messages WHERE conversation_id = 44",
      format: "JSONEachRow",
    });
    expect(await parts.json()).toEqual([{ n: "1" }]);
  });

  test("of many conversations come newest first, without entries of other kinds and outside of the intervals", async () => {
    await store.insertMessages([
      ...messageRows("51", 1, 50),
      ...messageRows("52", 1, 50).map((row) => (row.seq === 50 ? { ...row, kind: "edit" } : row)),
    ]);
    const sources = [
      {
        conversationId: "51",
        intervals: [
          [1, 10],
          [40, 45],
        ] as const,
      },
      { conversationId: "52", intervals: [[1, 50]] as const },
    ];
    const page = await store.mailboxPage({ sources, beforeId: null, limit: 6 });
    expect(page.map((row) => `${row.conversation_id}:${row.seq}`)).toEqual(["52:49", "52:48", "52:47", "52:46", "52:45", "51:45"]);
    const next = await store.mailboxPage({ sources, beforeId: page.at(-1)!.message_id, limit: 2 });
    expect(next.map((row) => `${row.conversation_id}:${row.seq}`)).toEqual(["52:44", "51:44"]);
    expect(await store.mailboxPage({ sources, beforeId: null, limit: 5, kinds: ["image"] })).toEqual([]);
  });
});

describe("inboxes", () => {
  test("come back once though inserted twice, by key and by offset", async () => {
    const rows = inboxRows("anna", 1, 100).map((row) =>
      row.offset === 100 ? { ...row, type: "read", timeline_key: "0", data: "{}" } : row,
    );
    await store.insertInbox(rows);
    await store.insertInbox(rows);
    await store.insertInbox(inboxRows("anna2", 1, 3));
    const page = await store.inboxPage({ user: "anna", beforeKey: null, limit: 3 });
    expect(page.map((row) => row.offset)).toEqual([99, 98, 97]);
    expect((await store.inboxPage({ user: "anna", beforeKey: "97000", limit: 2, minOffset: 96 })).map((row) => row.offset)).toEqual([96]);
    expect(await store.inboxRange({ user: "anna", fromOffset: 99, toOffset: 200, limit: 10 })).toEqual(rows.slice(98));
    expect(await store.countInbox("anna", 1, 1000)).toBe(100);
    expect(
      await store.existingInbox([
        { user: "anna", offsets: [1, 101] },
        { user: "anna2", offsets: [3] },
      ]),
    ).toEqual(new Set(["anna 1", "anna2 3"]));
  });
});

test("dimensions and sizes are kept, and the views answer", async () => {
  const at = Date.UTC(2026, 9, 5);
  const conversation = {
    conversation_id: "51",
    kind: "group",
    title: "T",
    owner: "o",
    members: 2,
    mode: "write",
    history: "all",
    join: "open",
    meta: "",
  };
  for (let i = 0; i < 2; i += 1) {
    await store.insertConversations([{ ...conversation, created_at: at, change: "created", seq: 0, at }]);
    await store.insertMembers([{ conversation_id: "51", user: "anna", change: "joined", role: "owner", seq: 0, by: "anna", at }]);
    await store.insertRelations([{ user: "anna", other: "ben", change: "followed", alias: "", note: "", at }]);
    await store.insertSessions([{ user: "anna", session: "s1", device: "web", node: "n1", change: "connected", at, duration_ms: 0 }]);
  }
  for (const table of ["conversations", "members", "relations", "sessions"])
    expect(await (await server.post(`SELECT count() FROM tributary.${table}`)).text()).toBe("1\n");
  const sizes = await store.bytes();
  expect(sizes.find((size) => size.table === "messages")!.bytes).toBeGreaterThan(1000);
  for (const view of ["daily_active_users", "messages_per_hour", "top_conversations", "fanout_cost", "retention"])
    expect(Number(await (await server.post(`SELECT count() FROM tributary.${view}`)).text())).toBeGreaterThan(0);
});
