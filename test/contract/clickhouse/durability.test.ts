import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createColdStore } from "#shared/cold/store.ts";
import { messageRows } from "./rows.ts";
import { type TestServer, startTestServer } from "./server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

test("acknowledged inserts survive kill -9, and the server comes back on its port by itself", async () => {
  const store = createColdStore(server.owner);
  const killed = server.child.pid();
  let acknowledged = 0;
  const inserting = (async () => {
    while (true) {
      await store.insertMessages(messageRows("1", acknowledged + 1, 500));
      acknowledged += 500;
    }
  })();
  const stopped = expect(inserting).rejects.toThrow();
  await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(4_000), { timeout: 20_000, interval: 5 });
  process.kill(killed, "SIGKILL");
  await stopped;

  await vi.waitFor(async () => expect((await server.owner.ping()).success).toBe(true), { timeout: 30_000 });
  expect(server.child.pid()).not.toBe(killed);
  expect(await store.countMessages("1", 1, acknowledged)).toBe(acknowledged);
  await store.insertMessages(messageRows("1", 1, 500));
  expect(await store.entryPage({ conversationId: "1", limit: 200, descending: false })).toHaveLength(200);
});
