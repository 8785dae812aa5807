import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, type TestServer, startTestServer } from "./server.ts";

const VERSION = "1.12.0";
const run = promisify(execFile);
const home = new URL(`../../../.cache/clickhouse-connect-${VERSION}/`, import.meta.url).pathname;
const python = join(home, "bin/python");

const install = async (): Promise<void> => {
  await run("python3", ["--version"]).catch(() => {
    throw new Error("python3 is not on this machine: install it (with venv) to run the test of clickhouse-connect");
  });
  if (existsSync(join(home, "ready"))) return;
  await mkdir(home, { recursive: true });
  await run("python3", ["-m", "venv", home]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `clickhouse-connect==${VERSION}`]);
  await run("touch", [join(home, "ready")]);
};

let server: TestServer;
beforeAll(async () => {
  await install();
  server = await startTestServer();
}, 180_000);
afterAll(() => server[Symbol.asyncDispose]());

const SCRIPT = `
import clickhouse_connect, datetime, json, sys
port, password = int(sys.argv[1]), sys.argv[2]
owner = clickhouse_connect.get_client(host='127.0.0.1', port=port, username='tributary', password=password)
out = {'version': owner.server_version}
owner.command('CREATE TABLE tributary.py (a UInt64, s String, d DateTime64(3), l Array(String)) ENGINE = MergeTree ORDER BY a')
rows = [[i, 's' * (i % 50) + str(i), datetime.datetime(2026, 1, 1), ['x', 'y']] for i in range(30000)]
out['written'] = owner.insert('tributary.py', rows, column_names=['a', 's', 'd', 'l']).written_rows
analyst = clickhouse_connect.get_client(host='127.0.0.1', port=port)
out['count'] = analyst.query('SELECT count(), max(a), max(length(s)) FROM tributary.py').result_rows[0]
out['bound'] = analyst.query('SELECT s FROM tributary.py WHERE a IN {ids:Array(UInt64)} ORDER BY a', parameters={'ids': [1, 2]}).result_rows
out['text'] = analyst.query('SELECT {s:String}', parameters={'s': "it's\\t\\\\x\\nü"}).result_rows[0][0] == "it's\\t\\\\x\\nü"
out['long'] = len(analyst.query('SELECT {s:String}', parameters={'s': 'y' * 50000}).result_rows[0][0])
with analyst.query_row_block_stream('SELECT number, toString(number) FROM numbers(300000)') as stream:
    out['streamed'] = sum(len(block) for block in stream)
try:
    analyst.command('DROP TABLE tributary.py')
except Exception as error:
    out['refused'] = 'code: 164' in str(error)
print(json.dumps(out, default=str))
`;

test("clickhouse-connect with its defaults inserts, binds, streams and is refused writing", async () => {
  const { stdout } = await run(python, ["-c", SCRIPT, String(server.child.port), PASSWORD]);
  expect(JSON.parse(stdout)).toMatchObject({
    version: expect.stringMatching(/^\d+\.\d+/) as string,
    written: 30_000,
    count: [30_000, 29_999, 54],
    bound: [["s1"], ["ss2"]],
    text: true,
    long: 50_000,
    streamed: 300_000,
    refused: true,
  });
});
