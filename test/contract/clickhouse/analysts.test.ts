import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestServer, startTestServer } from "./server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.owner.command({ query: "CREATE TABLE tributary.secrets (a String) ENGINE = MergeTree ORDER BY a" });
  await server.owner.insert({ table: "tributary.secrets", values: [{ a: "/etc/passwd" }], format: "JSONEachRow" });
});
afterAll(() => server[Symbol.asyncDispose]());

const ATTACKS = [
  "INSERT INTO tributary.secrets VALUES ('x')",
  "INSERT INTO FUNCTION file('/tmp/x.csv', 'CSV', 'a String') SELECT 'x'",
  "WITH x AS (SELECT 1) INSERT INTO tributary.secrets SELECT 'x'",
  "DROP TABLE tributary.secrets",
  "ALTER TABLE tributary.secrets DELETE WHERE 1",
  "CREATE TABLE tributary.mine (a UInt8) ENGINE = Memory",
  "CREATE TEMPORARY TABLE mine (a UInt8)",
  "CREATE USER mine",
  "GRANT ALL ON *.* TO default",
  "SYSTEM SHUTDOWN",
  "KILL QUERY WHERE 1",
  "SET ROLE writer",
  "SET readonly = 0",
  "SET max_execution_time = 0",
  "SET profile = 'default'",
  "USE system",
  "SELECT 1; DROP TABLE tributary.secrets",
  "SELECT 1 PARALLEL WITH DROP TABLE tributary.secrets",
  "SELECT 1 SETTINGS readonly = 0",
  "SELECT 1 SETTINGS `readonly` = 0",
  "SELECT 1 SETTINGS max_execution_time = 100000",
  "SELECT 1 SETTINGS max_threads = 1, max_execution_time = 0",
  "SELECT 1 SETTINGS max_execution_time = '1e9'",
  "SELECT 1 SETTINGS max_memory_usage = 0 FORMAT TSV",
  "SELECT 1 FORMAT TSV SETTINGS max_memory_usage = 100000000000",
  "SELECT * FROM (SELECT 1 SETTINGS profile = 'default')",
  "SELECT * FROM file('/etc/passwd', 'LineAsString')",
  "SELECT * FROM `file`('/etc/passwd', 'LineAsString')",
  "SELECT * FROM \"file\"('/etc/passwd')",
  "SELECT * FROM file/* x */('/etc/passwd', 'LineAsString')",
  "SELECT * FROM file -- x\n ('/etc/passwd', 'LineAsString')",
  "SELECT * FROM file\u00a0('/etc/passwd')",
  "SELECT * FROM /* /* */ file('/etc/passwd') /* */",
  "SELECT file('/etc/passwd')",
  "SELECT a APPLY(file) FROM tributary.secrets",
  "SELECT * APPLY file FROM tributary.secrets",
  "SELECT arrayMap(x -> file(x), [a]) FROM tributary.secrets",
  "WITH t AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM t",
  "SELECT 1 IN (SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a UInt8'))",
  "SELECT * FROM numbers(1) AS n, s3('http://127.0.0.1:1/x', 'CSV', 'a UInt8') AS s",
  "SELECT * FROM remote('127.0.0.1:9000', tributary, messages)",
  "SELECT * FROM mysql('127.0.0.1:3306', 'a', 'b', 'c', 'd')",
  "SELECT * FROM postgresql('127.0.0.1:5432', 'a', 'b', 'c', 'd')",
  "SELECT * FROM executable('id', 'CSV', 'a String')",
  "SELECT * FROM sqlite('/tmp/x.db', 't')",
  "SELECT * FROM mongodb('127.0.0.1:27017', 'a', 'b', 'c', 'd', 'a String')",
  "SELECT * FROM redis('127.0.0.1:6379', 'key', 'key String')",
  "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')",
  "SELECT * FROM jdbc('x', 'y', 'z')",
  "SELECT * FROM filesystem('/etc')",
  "SELECT * FROM merge('system', '.*')",
  "SELECT * FROM cluster('default', system.one)",
  "SELECT * FROM dictionary('x')",
  "SELECT * FROM `/etc/passwd`",
  "SELECT * FROM '/etc/passwd'",
  "SELECT * FROM default.`/etc/passwd`",
  "DESCRIBE TABLE file('/etc/passwd')",
  "DESC url('http://127.0.0.1:1/')",
  "EXPLAIN SELECT * FROM file('/etc/passwd')",
  "SELECT 1 INTO OUTFILE '/tmp/x'",
  "SELECT 1 INTO /* x */ OUTFILE '/tmp/x' TRUNCATE",
  "SELECT * FROM system.users",
  "SELECT * FROM system.processes",
  "SELECT * FROM `system` . `server_settings`",
  'SELECT * FROM "system"."disks"',
  "SELECT * FROM view(SELECT * FROM system.processes)",
  "SHOW ACCESS",
  "SELECT * FROM {d:Identifier}.processes",
];

describe("an analyst", () => {
  test.each(ATTACKS)("is refused: %s", async (query) => {
    for (const user of ["", "?user=analyst"]) {
      const search = query.includes("{d:") ? `${user === "" ? "?" : `${user}&`}param_d=system` : user;
      const answer = await server.post(query, search);
      const text = await answer.text();
      expect(text).toMatch(/^Code: \d+\. DB::\w*Exception/);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain("root:");
    }
  });

  test.each([
    "readonly=0",
    "max_execution_time=0",
    "max_execution_time=21",
    "max_memory_usage=0",
    "profile=default",
    "database=system",
    "role=writer",
  ])("is refused the parameter %s", async (parameter) => {
    const answer = await server.post("SELECT 1", `?${parameter}`);
    expect(await answer.text()).toMatch(/^Code: (164|452|497|512)\./);
  });

  test("may lower the longest time of a query, and it holds", async () => {
    const answer = await server.post("SELECT count() FROM numbers(1e14) WHERE NOT ignore(sipHash64(number))", "?max_execution_time=1");
    expect(await answer.text()).toMatch(/^Code: 159\./);
    expect(answer.status).toBe(408);
  });

  test("may not eat the memory", async () => {
    const answer = await server.post("SELECT uniqExact(number) FROM numbers(1e9) SETTINGS max_memory_usage = 50000000");
    expect(await answer.text()).toMatch(/^Code: 241\./);
  });

  test.each([
    "SELECT * FROM tributary.messages",
    "FROM tributary.messages SELECT count()",
    "WITH 1 AS x SELECT x",
    "SHOW TABLES FROM tributary",
    "SHOW CREATE TABLE tributary.messages",
    "DESCRIBE TABLE tributary.inbox",
    "EXPLAIN SELECT 1",
    "EXISTS tributary.messages",
    "SELECT name, comment FROM system.columns WHERE database = 'tributary'",
    "SELECT table_name FROM information_schema.tables",
    "SELECT * FROM generateSeries(1, 3) WHERE 1 IN (SELECT number FROM numbers(3))",
    "SELECT format('{} {}', 'a', 'b'), 'file(x) system.users; INTO OUTFILE' -- file('x')",
    "SELECT 1 SETTINGS max_execution_time = 5",
  ])("may ask: %s", async (query) => {
    const answer = await server.post(query);
    expect(answer.status, await answer.text()).toBe(200);
  });

  test("sees each row once just after a batch was inserted twice", async () => {
    const row = { conversation_id: "7", seq: 1, message_id: "70", at: "2026-01-01 00:00:00.000" };
    for (let i = 0; i < 2; i += 1) await server.owner.insert({ table: "tributary.messages", values: [row], format: "JSONEachRow" });
    expect(await (await server.post("SELECT count() FROM tributary.messages WHERE conversation_id = 7")).text()).toBe("1\n");
    expect(await (await server.post("SELECT sum(messages) FROM tributary.top_conversations WHERE conversation_id = 7")).text()).toBe("1\n");
  });
});

test("with ANALYST_PASSWORD set, nobody reads without it", async () => {
  await using closed = await startTestServer({ analystPassword: "open sesame" });
  expect(await (await closed.post("SELECT 1")).text()).toMatch(/^Code: 516\./);
  expect(await (await closed.post("SELECT 1", "?user=analyst&password=open+sesame")).text()).toBe("1\n");
  expect(await (await closed.post("SELECT 1", "?password=open+sesame")).text()).toBe("1\n");
});
