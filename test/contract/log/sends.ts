import { describe, expect, test } from "vitest";
import { shardOf } from "#shared/log/sends.ts";
import { range } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { fresh, Taken, type TestLogs } from "./servers.ts";

const PATIENCE = 40_000;

/** What every log of sends does. */
export function sendsContract(world: () => TestLogs): void {
  const has = (taken: Taken, count: number) =>
    until(
      () => taken.count >= count,
      PATIENCE,
      () => `${count} lines of ${taken.word}, there are ${taken.count}`,
    );

  describe("the log of sends", () => {
    test("keeps the order of a sender's appends, also over two gateways", async () => {
      const taken = new Taken(fresh());
      const senders = range(1, 20).map((n) => `sender${n}`);
      const [one, two] = world().sends;
      for (const n of range(1, 10))
        for (const gateway of [one, two]) {
          const lines = new Map<number, string[]>();
          for (const sender of senders)
            lines
              .getOrInsertComputed(shardOf(sender, gateway.partitions), () => [])
              .push(`${sender} 7 ${taken.word}-${n}-${gateway === one ? "a" : "b"}`);
          await gateway.append(lines);
        }
      await using _consumer = one.consume({ consumer: "send", handle: async (batch) => taken.take(batch) });
      await has(taken, 400);
      const all = [...taken.byPartition.values()].flat();
      for (const sender of senders)
        expect(all.filter((line) => line.startsWith(`${sender} `))).toEqual(
          range(1, 10).flatMap((n) => ["a", "b"].map((gateway) => `${sender} 7 ${taken.word}-${n}-${gateway}`)),
        );
    });

    test("gives again what could not be handled, and to a successor what was not", async () => {
      const taken = new Taken(fresh());
      const [one, two] = world().sends;
      let failures = 2;
      {
        await using _consumer = one.consume({
          consumer: "send",
          async handle(batch) {
            if (failures-- > 0) throw new Error("not now");
            taken.take(batch);
          },
        });
        await one.append(new Map([[2, [`ann 7 ${taken.word}-1`, `ann 7 ${taken.word}-2`]]]));
        await has(taken, 2);
        await until(
          async () => (await one.lags()).every(({ records }) => records === 0),
          PATIENCE,
          () => "nobody behind",
        );
      }
      await one.append(new Map([[2, [`ann 7 ${taken.word}-3`]]]));
      expect((await two.lags()).find(({ partition }) => partition === 2)?.records).toBeGreaterThan(0);
      await using _consumer = two.consume({ consumer: "send", handle: async (batch) => taken.take(batch) });
      await has(taken, 3);
      expect(taken.byPartition.get(2)).toEqual([1, 2, 3].map((n) => `ann 7 ${taken.word}-${n}`));
    });
  });
}
