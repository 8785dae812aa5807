import { expect, test } from "vitest";
import { type Dependencies, startOperations } from "./operations.ts";

const operations = (dependencies: Dependencies) => ({ ready: async () => dependencies, scrape: async () => "tributary_ready 1\n" });
const redis = { ok: true, needed: true };

test("a process without a gateway says how it is", async () => {
  await using running = await startOperations(operations({ redis, graph: { ok: false, needed: false, detail: "away" } }), "127.0.0.1", 0);
  const ask = async (path: string) => fetch(`http://127.0.0.1:${running.port}${path}`);
  expect(await (await ask("/health")).json()).toEqual({ status: "ok" });
  const ready = await ask("/ready");
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { ready: true, dependencies: { redis, graph: { ok: false, needed: false, detail: "away" } } },
  ]);
  expect(await (await ask("/metrics")).text()).toBe("tributary_ready 1\n");
  expect((await ask("/v1/rpc/unread.get")).status).toBe(404);
});

test("without what it needs it is not ready", async () => {
  await using running = await startOperations(operations({ redis: { ok: false, needed: true } }), "127.0.0.1", 0);
  expect((await fetch(`http://127.0.0.1:${running.port}/ready`)).status).toBe(503);
});

test("a port that is taken is said with what to do", async () => {
  await using running = await startOperations(operations({ redis }), "127.0.0.1", 0);
  await expect(startOperations(operations({ redis }), "127.0.0.1", running.port)).rejects.toThrow(
    `another program listens on 127.0.0.1:${running.port}: end it, or set another METRICS_PORT`,
  );
});
