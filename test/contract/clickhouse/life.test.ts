import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { startClickHouse } from "#infra/clickhouse/child.ts";
import { startTestServer } from "./server.ts";

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const PARENT = `
import { startClickHouse } from "#infra/clickhouse/child.ts";
const logger = { info() {}, warn() {}, error() {} };
const child = await startClickHouse({ dir: process.env.DIR, port: 0, tributaryPassword: "x", analystPassword: "", analystSeconds: 5, logger });
console.log(child.pid());
setInterval(() => {}, 1000);
`;

test("the child ends when its parent is killed", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tributary-clickhouse-"));
  const cwd = new URL("../../..", import.meta.url).pathname;
  const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", PARENT], { cwd, env: { ...process.env, DIR: dir } });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  expect(alive(pid)).toBe(true);
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 10_000 });
  await rm(dir, { recursive: true, force: true });
});

/** The server as a process of its own, and what it says. */
function startAlone(dir: string) {
  const env = { ...process.env, CLICKHOUSE_DIR: dir, CLICKHOUSE_PORT: "0", CLICKHOUSE_TRIBUTARY_PASSWORD: "x" };
  const child = spawn(process.execPath, ["infra/clickhouse/server.ts"], { cwd: new URL("../../..", import.meta.url).pathname, env });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => (said.out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (said.err += text.toString()));
  const gone = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  return { child, said, kill };
}

test("a start waits for a process of an earlier server that still holds the directory", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tributary-clickhouse-"));
  const earlier = startAlone(dir);
  let next: ReturnType<typeof startAlone> | null = null;
  try {
    await vi.waitFor(() => expect(earlier.said.out).toMatch(/^{"port":\d+}/), { timeout: 20_000 });
    earlier.child.kill("SIGSTOP");
    next = startAlone(dir);
    const { said } = next;
    await vi.waitFor(() => expect(said.err).toMatch(/Cannot lock file[^]*Cannot lock file/), { timeout: 20_000 });
    expect(said.out).toBe("");
    await earlier.kill();
    await vi.waitFor(() => expect(said.out).toMatch(/^{"port":\d+}/), { timeout: 20_000 });
  } finally {
    await earlier.kill();
    await next?.kill();
    await rm(dir, { recursive: true, force: true });
  }
});

test("on disposal a query under way is answered first, and the process is gone afterwards", async () => {
  const server = await startTestServer();
  const pid = server.child.pid();
  const answer = server.post("SELECT sleep(1)");
  await vi.waitFor(async () => expect((await server.child.status()).lanes.analyst.busy).toBe(1), { timeout: 20_000 });
  await server[Symbol.asyncDispose]();
  expect(await (await answer).text()).toBe("0\n");
  expect(alive(pid)).toBe(false);
});

test("a first start that fails rejects with the reason", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tributary-clickhouse-"));
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const options = { dir, port: 0, tributaryPassword: "", analystPassword: "", analystSeconds: 5, logger };
  await expect(startClickHouse(options)).rejects.toThrow(/CLICKHOUSE_TRIBUTARY_PASSWORD must be set/);
  await rm(dir, { recursive: true, force: true });
});
