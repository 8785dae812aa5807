import { expect, test } from "vitest";
import { Heartbeat } from "./heartbeat.ts";

test("the first ping comes after half to one interval, the next ones an interval apart", () => {
  for (let n = 0; n < 100; n += 1) {
    const heart = new Heartbeat(1_000, 25_000, 10_000, Infinity);
    const first = heart.next;
    expect(first).toBeGreaterThanOrEqual(13_500);
    expect(first).toBeLessThanOrEqual(26_000);
    expect(heart.beat(first - 1)).toBe("wait");
    expect(heart.beat(first)).toBe("ping");
    heart.pong();
    expect(heart.next).toBe(first + 25_000);
  }
});

test("the wait for a pong counts from the first ping that was not answered", () => {
  const heart = new Heartbeat(0, 4_000, 10_000, Infinity);
  const first = heart.next;
  for (const ping of [first, first + 4_000, first + 8_000]) expect(heart.beat(ping)).toBe("ping");
  expect(heart.next).toBe(first + 10_000);
  expect(heart.beat(first + 10_000)).toBe("silent");
});

test("a token that is over for too long ends it, unless it is renewed", () => {
  const heart = new Heartbeat(0, 60_000, 10_000, 5_000);
  expect(heart.next).toBe(5_000);
  heart.expireAt(20_000);
  expect(heart.beat(5_000)).toBe("wait");
  expect(heart.beat(20_000)).toBe("expired");
});
