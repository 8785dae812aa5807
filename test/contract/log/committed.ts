import { describe, expect, test } from "vitest";
import { keys } from "#shared/hot/keys.ts";
import { range } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { fresh, linesOf, Taken, type TestLogs, write } from "./servers.ts";

const PATIENCE = 40_000;

/** What every log of committed work does. */
export function committedContract(world: () => TestLogs): void {
  const has = (taken: Taken, count: number) =>
    until(
      () => taken.count >= count,
      PATIENCE,
      () => `${count} lines of ${taken.word}, there are ${taken.count}`,
    );
  const partitions = range(0, 7);
  /** Entries from … to in each partition. */
  async function writeAll(word: string, from: number, to: number): Promise<void> {
    for (const n of range(from, to)) await Promise.all(partitions.map((partition) => write(world().redis, partition, linesOf(word, n))));
  }
  const allOf = (word: string, to: number) =>
    new Map(partitions.map((partition) => [partition, range(1, to).flatMap((n) => linesOf(word, n))]));
  const sorted = (taken: Taken) => new Map([...taken.byPartition].toSorted(([a], [b]) => a - b));

  describe("the log of committed work", () => {
    test("gives a consumer what was written before and after it came, each once, in order within a partition", async () => {
      const taken = new Taken(fresh());
      await writeAll(taken.word, 1, 20);
      await using _consumer = world().committed[0].consume({
        consumer: fresh(),
        handle: async (batch) => taken.take(batch),
      });
      await has(taken, 20 * 32);
      await writeAll(taken.word, 21, 40);
      await has(taken, 40 * 32);
      expect(sorted(taken)).toEqual(allOf(taken.word, 40));
    });

    test("gives again what could not be handled, and nothing before it", async () => {
      const taken = new Taken(fresh());
      let failures = 3;
      await using _consumer = world().committed[0].consume({
        consumer: fresh(),
        async handle(batch) {
          const some = new Taken(taken.word);
          some.take(batch);
          if (some.count > 0 && failures-- > 0) throw new Error("not now");
          taken.take(batch);
        },
      });
      await writeAll(taken.word, 1, 5);
      await has(taken, 5 * 32);
      expect(sorted(taken)).toEqual(allOf(taken.word, 5));
      expect(failures).toBeLessThan(0);
    });

    test("goes on for a successor where its predecessor had come to", async () => {
      const [first, second] = [new Taken(fresh()), new Taken("")];
      const consumer = fresh();
      {
        await using _consumer = world().committed[0].consume({ consumer, handle: async (batch) => first.take(batch) });
        await writeAll(first.word, 1, 10);
        await has(first, 10 * 32);
      }
      await writeAll(first.word, 11, 12);
      const rest = new Taken(first.word);
      await using _consumer = world().committed[1].consume({
        consumer,
        async handle(batch) {
          rest.take(batch);
          second.take(batch);
        },
      });
      await has(rest, 2 * 32);
      expect(sorted(rest)).toEqual(
        new Map(partitions.map((partition) => [partition, range(11, 12).flatMap((n) => linesOf(first.word, n))])),
      );
    });

    test("is shared by those who consume under one name, and what one leaves the other takes over, in order", async () => {
      const consumer = fresh();
      const word = fresh();
      const takers = [new Taken(word), new Taken(word)] as const;
      const owned: ReadonlySet<number>[] = [new Set(), new Set()];
      const start = (i: 0 | 1) =>
        world().committed[i].consume({
          consumer,
          handle: async (batch) => takers[i].take(batch),
          changed: async (partitionsOwned) => void (owned[i] = partitionsOwned),
        });
      const a = start(0);
      await using b = start(1);
      await until(
        () => a.owned().size === 4 && b.owned().size === 4,
        PATIENCE,
        () => `four partitions for each, there are ${a.owned().size} and ${b.owned().size}`,
      );
      await writeAll(word, 1, 10);
      await until(
        () => takers[0].count + takers[1].count >= 10 * 32,
        PATIENCE,
        () => "all lines at the two",
      );
      expect([takers[0].byPartition.size, takers[1].byPartition.size]).toEqual([4, 4]);
      await a[Symbol.asyncDispose]();
      await writeAll(word, 11, 20);
      await until(
        () => takers[0].count + takers[1].count >= 20 * 32,
        PATIENCE,
        () => "all lines, the later ones at the one that is left",
      );
      const together = new Map(
        partitions.map((p) => [p, [...(takers[0].byPartition.get(p) ?? []), ...(takers[1].byPartition.get(p) ?? [])]]),
      );
      expect(together).toEqual(allOf(word, 20));
      expect(owned[1]?.size).toBe(8);
    });

    test("notes in Redis how far the fan-out has come, and tells how far it is behind", async () => {
      const word = fresh();
      const taken = new Taken(word);
      const behind = async (consumer: string) =>
        (await world().committed[1].lags())
          .filter((lag) => lag.consumer === consumer && lag.partition === 3)
          .reduce((sum, { records }) => sum + records, 0);
      const last = await write(world().redis, 3, linesOf(word, 1));
      await until(
        async () => (await behind("fanout")) > 0,
        PATIENCE,
        () => "a fan-out that is behind",
      );
      await using _consumer = world().committed[0].consume({ consumer: "fanout", handle: async (batch) => taken.take(batch) });
      await until(
        async () => (await behind("fanout")) === 0,
        PATIENCE,
        () => "a fan-out that is not behind",
      );
      expect(taken.count).toBe(4);
      expect(await world().redis.hot.redis.get(keys.cursor("fanout", 3))).toBe(last);
    });
  });
}
