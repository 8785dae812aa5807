import { assert, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import { SLOTS, slotOf, tagIn } from "./slots.ts";

test.each([
  ["123456789", 12_739],
  ["foo", 12_182],
  ["{user1000}.following", 3_443],
  ["foo{bar}{zap}", 5_061],
  ["foo{}{bar}", 8_363],
  ["foo{{bar}}zap", 4_015],
])("the slot of %s is %i, as Redis says", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test("for every slot there is a tag of any name that lies there", () => {
  for (let slot = 0; slot < SLOTS; slot++) expect(slotOf(`x:{${tagIn(slot, "u7")}}:y`)).toBe(slot);
  assert(
    property(
      integer({ min: 0, max: SLOTS - 1 }),
      string({ minLength: 1 }).filter((name) => /^[\x20-\x7a]+$/.test(name)),
      (slot, name) => {
        expect(slotOf(`{${tagIn(slot, name)}}`)).toBe(slot);
      },
    ),
  );
});
