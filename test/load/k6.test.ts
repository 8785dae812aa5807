import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ensureK6, runScenario, scenarioLines } from "../../loadtest/lean/k6.ts";
import { startLoadServer, type LoadServer } from "../../loadtest/lean/server.ts";
import { LOAD_SECRET } from "../../loadtest/lean/token.ts";
import { openLossyLine } from "./lossy-line.ts";

/** Building k6 takes two minutes of a quiet machine, once. */
const BUILD_MS = 360_000;

let k6 = "";
let server: LoadServer;
beforeAll(async () => {
  k6 = await ensureK6((words) => process.stdout.write(`${words}\n`));
  server = await startLoadServer();
}, BUILD_MS);
afterAll(() => server?.[Symbol.asyncDispose]());

/** Sizes at which everything of a scenario happens at least once, in a few seconds. */
const small: Record<string, Record<string, string>> = {
  send: { SOCKETS: "40", RATE: "40", VUS: "2" },
  "small-groups": { SOCKETS: "60", RATE: "20" },
  "huge-group": { SOCKETS: "60", RATE: "5", VUS: "2" },
  "reconnect-storm": { SOCKETS: "60", RATE: "30", STORMS: "2", AWAY: "1" },
  sync: { SOCKETS: "30", RATE: "15" },
  scroll: { SOCKETS: "6", RATE: "40", MESSAGES: "120" },
  town: { SOCKETS: "60", RATE: "50" },
};

/** What a run counted, by the metric's name. */
async function play(scenario: string, sizes: Record<string, string>, url: string) {
  const dir = await mkdtemp(join(tmpdir(), "tributary-k6-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, "summary.json");
  const settings = { URL: url, SECRET: LOAD_SECRET, SECONDS: "4", LATENCY: "off", ...sizes };
  const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LOAD_${name}`, value]));
  const { code, output } = await runScenario(k6, scenario, env, { more: ["--summary-export", file], quiet: true });
  const text = await readFile(file, "utf8").catch(() => "{}");
  const { metrics = {} } = JSON.parse(text) as { metrics?: Record<string, { count?: number }> };
  return { code, output, count: (name: string) => metrics[name]?.count };
}

const none = { duplicates: 0, gaps: 0, out_of_order: 0, missing: 0, misplaced: 0, miscounted: 0, unrecovered: 0, strays: 0, errors: 0 };

test("every scenario has a size here and a line of description", () => {
  expect([...scenarioLines().keys()].toSorted()).toEqual(Object.keys(small).toSorted());
  for (const line of scenarioLines().values()) expect(line).not.toBe("");
});

test.each(Object.keys(small))("%s finds every delivery checked and no promise broken", async (scenario) => {
  const { code, output, count } = await play(scenario, small[scenario] ?? {}, server.http);
  const counts = Object.fromEntries(Object.keys(none).map((name) => [name, count(name)]));
  expect({ code, counts }, output).toEqual({ code: 0, counts: none });
  expect(count("deliveries_checked")).toBeGreaterThan(0);
});

test("a message lost on the way and one that comes twice fail the run", async () => {
  await using line = await openLossyLine(server.http);
  const { code, output, count } = await play("send", { SOCKETS: "10", RATE: "20", SETTLE: "2" }, line.http);
  expect(code, output).toBe(99);
  expect(count("duplicates"), output).toBeGreaterThan(0);
  expect((count("gaps") ?? 0) + (count("missing") ?? 0), output).toBeGreaterThan(0);
});

test("a server that limits rates is refused with a sentence before any load", async () => {
  await using limited = await startLoadServer({ RATE_LIMITS: "on" });
  const { code, output } = await play("send", {}, limited.http);
  expect(code).not.toBe(0);
  expect(output).toContain("start it with RATE_LIMITS=off");
});

test("load goes to this machine only", async () => {
  const { code, output } = await play("send", {}, "http://192.0.2.1:8080");
  expect(code).not.toBe(0);
  expect(output).toContain("must be an http address of this machine");
});
