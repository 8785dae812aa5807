import fc from "fast-check";
import { expect, test } from "vitest";
import { Buckets } from "./rates.ts";

const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40_000 }), user: fc.constantFrom("ann", "bob") }), { maxLength: 300 });
const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 30 }) });

test("in no span of time does a user get more than the burst and the rate, and never less than the rate gives", () => {
  fc.assert(
    fc.property(rates, steps, (rate, calls) => {
      let now = 0;
      const buckets = new Buckets(rate, () => now);
      const model = new Map<string, { tokens: number; at: number }>();
      for (const { wait, user } of calls) {
        now += wait;
        const { tokens, at } = model.get(user) ?? { tokens: rate.burst, at: now };
        const filled = Math.min(rate.burst, tokens + ((now - at) / 1_000) * rate.perSecond);
        if (Math.abs(filled - 1) > 1e-6) expect(buckets.take(user)).toBe(filled >= 1);
        else return;
        model.set(user, { tokens: filled >= 1 ? filled - 1 : filled, at: now });
      }
    }),
  );
});

test("users who were not seen for long are forgotten", () => {
  let now = 0;
  const buckets = new Buckets({ perSecond: 10, burst: 10 }, () => now);
  for (let user = 0; user < 1_000; user += 1) buckets.take(`u${user}`);
  now = 25_000;
  buckets.take("ann");
  expect(buckets.size).toBe(1);
});
