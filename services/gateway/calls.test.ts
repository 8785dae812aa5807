import { expect, test } from "vitest";
import { createLogger } from "#shared/run/logger.ts";
import { createRegistry } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { type Calls, createCalls } from "./calls.ts";
import { createGatewayMetrics } from "./metrics.ts";
import type { Methods } from "./ports.ts";
import { testConfig } from "./testing.ts";

const message = { conversationId: "1", clientMsgId: "m", kind: "text", body: { text: "hi" } };
const caller = { user: "ann", session: null };

function callsOf(methods: Partial<Methods>, config: Partial<typeof testConfig> = {}, logged: unknown[] = []) {
  const registry = createRegistry({ processMetrics: false });
  const logger = createLogger("error", { role: "gateway" }, { write: (line) => void logged.push(JSON.parse(line)) });
  const all: Methods = { handlers: new Map(), send: (_params, _caller, done) => done(undefined, "{}"), ...methods };
  const calls = createCalls({ config: { ...testConfig, ...config }, methods: all, metrics: createGatewayMetrics(registry), logger });
  return { calls, registry };
}

/** The result, or the code it was refused with. */
function run(calls: Calls, method: string, params: unknown, bytes = 100, user = "ann"): Promise<unknown> {
  return new Promise((resolve) => {
    calls.run(method, params, bytes, { ...caller, user }, (refusal, json) => resolve(refusal?.code ?? (JSON.parse(json) as unknown)));
  });
}

test("each user has a burst of sends and of other calls, whatever the others do", async () => {
  const handlers = new Map([["unread.get", async () => ({ total: 0 })]]);
  const { calls } = callsOf({ handlers }, { rateSends: 1, rateSendsBurst: 3, rateRpcs: 2 });
  const sends = await Promise.all(Array.from({ length: 4 }, () => run(calls, "message.send", message)));
  expect(sends).toEqual([{}, {}, {}, 111]);
  const gets = await Promise.all(Array.from({ length: 3 }, () => run(calls, "unread.get", null)));
  expect(gets).toEqual([{ total: 0 }, { total: 0 }, 111]);
  expect(() => calls.spend("ann")).toThrow(Refusal);
  expect(await run(calls, "message.send", message, 100, "bob")).toEqual({});
});

test("without rate limits nobody is refused", async () => {
  const { calls } = callsOf({}, { rateLimits: false, rateSendsBurst: 1 });
  const sends = await Promise.all(Array.from({ length: 50 }, () => run(calls, "message.send", message)));
  expect(new Set(sends.map((each) => JSON.stringify(each)))).toEqual(new Set(["{}"]));
});

test("a send starts in the turn of its call, and is answered once", () => {
  const order: string[] = [];
  const { calls } = callsOf({
    send: (_params, _caller, done) => {
      order.push("send");
      done(new Refusal(103), "");
      done(undefined, "{}");
      throw new Error("after the answer");
    },
  });
  calls.run("message.send", message, 100, caller, (refusal) => order.push(`done ${refusal?.code}`));
  order.push("returned");
  expect(order).toEqual(["send", "done 103", "returned"]);
});

test("what fails unexpectedly is logged with its method and answered 100 without a word of it", async () => {
  const logged: unknown[] = [];
  const handlers = new Map([
    ["unread.get", () => Promise.reject(new Error("inside"))],
    ["timeline.read", async () => ({ big: 1n })],
  ]);
  const { calls, registry } = callsOf({ handlers }, {}, logged);
  expect(await run(calls, "unread.get", {})).toBe(100);
  expect(await run(calls, "timeline.read", {})).toBe(100);
  expect(logged).toMatchObject([{ method: "unread.get", err: { message: "inside" } }, { method: "timeline.read" }]);
  expect(await registry.metrics()).toContain('tributary_gateway_errors_total{code="100"} 2');
});

test.each([
  ["unread.set", {}, 100, 104],
  ["__proto__", {}, 100, 104],
  ["unread.get", {}, 65_537, 106],
  ["timeline.sync", { positions: {} }, 524_289, 106],
  ["unread.get", { a: 1 }, 100, 107],
  ["message.edit", {}, 100, 108],
  ["unread.get", {}, 100, 108],
])("%s %j of %i bytes is refused with %i", async (method, params, bytes, code) => {
  expect(await run(callsOf({}).calls, method, params, bytes)).toBe(code);
});
