import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { newsTeller } from "./news.ts";
import type { Outlet } from "./ports.ts";

const pushed: string[] = [];
const outlet: Outlet = {
  user: "ann",
  client: "c",
  publish: (channel, dataJson, offset) => void pushed.push(JSON.stringify({ channel, data: JSON.parse(dataJson) as unknown, offset })),
  publishShared() {},
  publishNow() {},
  subscribed() {},
  unsubscribed() {},
  close() {},
};

beforeEach(() => {
  pushed.length = 0;
  vi.useFakeTimers();
  vi.advanceTimersByTime(1_000);
});
afterEach(() => void vi.useRealTimers());

test("the first news is told at once, on the live channel and without an offset", () => {
  newsTeller(outlet)();
  expect(pushed.map((line) => JSON.parse(line) as unknown)).toEqual([{ channel: "live:ann", data: { type: "notify" } }]);
});

test("whatever comes within a second is told once, a second after the last notice", () => {
  const tell = newsTeller(outlet);
  for (let n = 0; n < 50; n++) tell();
  vi.advanceTimersByTime(999);
  tell();
  expect(pushed).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(pushed).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(pushed).toHaveLength(2);
});

test("under steady news a notice goes out each second, and one after the last change", () => {
  const tell = newsTeller(outlet);
  for (let ms = 0; ms < 10_000; ms += 10) {
    tell();
    vi.advanceTimersByTime(10);
  }
  expect(pushed).toHaveLength(11);
  tell();
  vi.advanceTimersByTime(1_000);
  expect(pushed).toHaveLength(12);
});

test("after a quiet second news is told at once again", () => {
  const tell = newsTeller(outlet);
  tell();
  vi.advanceTimersByTime(1_000);
  tell();
  expect(pushed).toHaveLength(2);
});

test("each connection has its own second", () => {
  newsTeller(outlet)();
  newsTeller({ ...outlet, user: "bob" })();
  expect(pushed).toHaveLength(2);
});
