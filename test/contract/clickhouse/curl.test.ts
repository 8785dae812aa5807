import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, type TestServer, startTestServer } from "./server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const run = promisify(execFile);
const curl = async (path: string, ...args: string[]): Promise<string> =>
  (await run("curl", ["-sSg", ...args, `${server.child.url}${path}`])).stdout;
const OWNER = ["-u", `tributary:${PASSWORD}`];

test("ping, the root and replicas_status say Ok", async () => {
  for (const path of ["/ping", "/", "/replicas_status"]) expect(await curl(path)).toBe("Ok.\n");
  expect(await curl("/ping", "-I")).toMatch(/^HTTP\/1\.1 200/);
});

test("a query in the URL, in the body, or half and half", async () => {
  expect(await curl("/?query=SELECT%201")).toBe("1\n");
  expect(await curl("/", "-d", "SELECT 1 AS x FORMAT JSONEachRow")).toBe('{"x":1}\n');
  expect(await curl("/?query=SELECT%201", "-d", "+ 1;")).toBe("2\n");
  expect(await curl("/?default_format=CSV&query=SELECT%201,'a'")).toBe('1,"a"\n');
  expect(await curl("/?query=SELECT%20{x:UInt8}%2B1&param_x=41")).toBe("42\n");
});

test("answers carry ClickHouse's headers", async () => {
  const head = await curl("/?query=SELECT%201%20FORMAT%20JSON&query_id=my-query", "-i");
  expect(head).toMatch(/X-ClickHouse-Format: JSON\r\n/);
  expect(head).toMatch(/X-ClickHouse-Query-Id: my-query\r\n/);
  expect(head).toMatch(/X-ClickHouse-Summary: \{"read_rows":"1"/);
  expect(head).toMatch(/X-ClickHouse-Timezone: /);
  expect(head).toMatch(/X-ClickHouse-Server-Display-Name: /);
  expect(head).toMatch(/Content-Type: application\/json; charset=UTF-8\r\n/);
});

test("a setting from the URL is applied, an unknown one refused with 404 and code 115", async () => {
  expect(await curl("/?max_block_size=99&query=SELECT%20getSetting('max_block_size')")).toBe("99\n");
  const refused = await curl("/?no_such_setting=1&query=SELECT%201", "-i");
  expect(refused).toMatch(/^HTTP\/1\.1 404/);
  expect(refused).toMatch(/X-ClickHouse-Exception-Code: 115/);
  expect(refused).toMatch(/Code: 115\. DB::Exception: .*\(UNKNOWN_SETTING\) \(version 2/);
});

test("GET may not write, POST may", async () => {
  expect(await curl("/?query=CREATE%20TABLE%20tributary.g%20(a%20UInt8)%20ENGINE%3DMemory", ...OWNER)).toMatch(/Code: 164/);
  expect(await curl("/", ...OWNER, "-d", "CREATE TABLE tributary.g (a UInt8, b String DEFAULT 'none') ENGINE = Memory")).toBe("");
});

test("INSERT takes its data from the text, from the body, and packed", async () => {
  const file = join(tmpdir(), `curl-${process.pid}`);
  expect(await curl("/", ...OWNER, "-d", "INSERT INTO tributary.g VALUES (1, 'FORMAT \\' x'), (2, 'b');")).toBe("");
  expect(await curl("/?query=INSERT%20INTO%20tributary.g%20(a)%20FORMAT%20JSONEachRow", ...OWNER, "-d", '{"a":3}')).toBe("");
  await writeFile(file, gzipSync("INSERT INTO tributary.g FORMAT TSV\n4\tfour\n"));
  expect(await curl("/", ...OWNER, "-H", "Content-Encoding: gzip", "--data-binary", `@${file}`)).toBe("");
  await writeFile(file, zstdCompressSync("5,five\n"));
  expect(
    await curl("/?query=INSERT%20INTO%20tributary.g%20FORMAT%20CSV", ...OWNER, "-H", "Content-Encoding: zstd", "--data-binary", `@${file}`),
  ).toBe("");
  expect(await curl("/", "-d", "SELECT a, b FROM tributary.g ORDER BY a")).toBe("1\tFORMAT \\' x\n2\tb\n3\tnone\n4\tfour\n5\tfive\n");
});

test("answers are packed when the client asks", async () => {
  for (const encoding of ["gzip", "deflate"]) {
    const answer = await curl(
      "/?enable_http_compression=1&query=SELECT%20number%20FROM%20numbers(3)",
      "-i",
      "--compressed",
      "-H",
      `Accept-Encoding: ${encoding}`,
    );
    expect(answer).toMatch(new RegExp(`Content-Encoding: ${encoding}`));
    expect(answer).toMatch(/\r\n\r\n0\n1\n2\n$/);
  }
});

test("an error does not show the server's own files", async () => {
  const syntax = await curl("/", "-d", "SELECT 1 FROM");
  expect(syntax).toMatch(/^Code: 62/);
  expect(syntax).not.toMatch(/pipes|OUTFILE '|\/tmp/);
  const data = await curl("/?query=INSERT%20INTO%20tributary.g%20FORMAT%20TSV", ...OWNER, "-d", "no number\tx");
  expect(data).toMatch(/^Code: (6|27|72)\./);
  expect(data).not.toMatch(/spool|\/tmp/);
});

test("wait_end_of_query gives a late error its own status", async () => {
  const answer = await curl("/?wait_end_of_query=1", "-i", "-d", "SELECT throwIf(number = 2000000) FROM numbers(4000000)");
  expect(answer).toMatch(/^HTTP\/1\.1 500/);
  expect(await curl("/?wait_end_of_query=1", "-d", "SELECT count() FROM numbers(10)")).toBe("10\n");
});

test("users come by header, Basic authorization or URL; a wrong password is 403 with code 516", async () => {
  const query = "SELECT 1";
  expect(await curl("/?user=analyst&password=", "-d", query)).toBe("1\n");
  expect(await curl("/", "-d", query, "-H", "X-ClickHouse-User: tributary", "-H", `X-ClickHouse-Key: ${PASSWORD}`)).toBe("1\n");
  const wrong = await curl("/", "-i", "-d", query, "-H", "X-ClickHouse-User: tributary", "-H", "X-ClickHouse-Key: no");
  expect(wrong).toMatch(/^HTTP\/1\.1 403/);
  expect(wrong).toMatch(/Code: 516\. .*AUTHENTICATION_FAILED/);
  expect(await curl("/?user=nobody", "-d", query)).toMatch(/Code: 516/);
});

test("a foreign Host header is refused with 403", async () => {
  expect(await curl("/?query=SELECT%201", "-i", "-H", "Host: evil.example")).toMatch(/^HTTP\/1\.1 403/);
  expect(await curl("/?query=SELECT%201", "-H", "Host: localhost:8123")).toBe("1\n");
});
