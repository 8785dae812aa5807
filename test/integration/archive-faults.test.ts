import { expect, test } from "vitest";
import type { ColdStore } from "#shared/cold/store.ts";
import { openStores, texts, type Stores } from "./archive-world.ts";

/** The archive's tables hold each of `n` entries and `n` + 1 pointers once, to a SELECT without FINAL. */
async function expectOnce(stores: Stores, n: number): Promise<void> {
  const plain = "SELECT count(), uniqExact(seq), max(seq) FROM tributary.messages SETTINGS final = 0";
  expect(await stores.select(plain)).toEqual([`${n}\t${n}\t${n}`]);
  expect(await stores.select("SELECT count(), uniqExact(user, offset) FROM tributary.inbox SETTINGS final = 0")).toEqual([
    `${n + 1}\t${n + 1}`,
  ]);
}

/** Sends and delivers messages from..to of conversation 7. */
async function traffic(stores: Stores, from: number, to: number): Promise<void> {
  await stores.send("7", "ann", texts(from, to));
  await stores.deliver("7", ["ann"], from, to);
}

/** The store, counting the inserts that failed. */
function counting(cold: ColdStore): { cold: ColdStore; failed: () => number } {
  let failures = 0;
  const insertMessages: ColdStore["insertMessages"] = async (rows, options) => {
    try {
      await cold.insertMessages(rows, options);
    } catch (err) {
      failures++;
      throw err;
    }
  };
  return { cold: { ...cold, insertMessages }, failed: () => failures };
}

test("a ClickHouse that hangs during traffic loses nothing and doubles nothing, though it runs what it was sent meanwhile", async () => {
  const stores = await openStores();
  const { cold, failed } = counting(stores.cold);
  await using archive = await stores.archive({}, cold);
  await stores.create("7", ["ann"]);
  await traffic(stores, 1, 100);
  await archive.caughtUp();
  process.kill(stores.child.pid(), "SIGSTOP");
  await traffic(stores, 101, 200);
  await expect.poll(failed, { timeout: 20_000 }).toBeGreaterThan(0);
  await traffic(stores, 201, 300);
  process.kill(stores.child.pid(), "SIGCONT");
  await archive.caughtUp();
  await expectOnce(stores, 300);
});

test("a ClickHouse killed during an insert comes back to every row once", async () => {
  const stores = await openStores();
  let calls = 0;
  const insertMessages: ColdStore["insertMessages"] = async (rows, options) => {
    const inserting = stores.cold.insertMessages(rows, options);
    if (++calls === 2) process.kill(stores.child.pid(), "SIGKILL");
    await inserting;
  };
  const { cold, failed } = counting({ ...stores.cold, insertMessages });
  await using archive = await stores.archive({}, cold);
  await stores.create("7", ["ann"]);
  await traffic(stores, 1, 100);
  await archive.caughtUp();
  for (let from = 101; from <= 901; from += 100) await traffic(stores, from, from + 99);
  await archive.caughtUp();
  expect(failed()).toBeGreaterThan(0);
  await expectOnce(stores, 1_000);
});

test("a Redis killed during traffic is waited for", async () => {
  const stores = await openStores();
  await using archive = await stores.archive();
  await stores.create("7", ["ann"]);
  await traffic(stores, 1, 100);
  await stores.hot.redis.info("server").then((info) => process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), "SIGKILL"));
  await traffic(stores, 101, 200);
  await archive.caughtUp();
  await expectOnce(stores, 200);
});

test("an insert whose answer was lost is read back, not repeated", async () => {
  const stores = await openStores();
  let lost = 0;
  const insertMessages: ColdStore["insertMessages"] = async (rows, options) => {
    await stores.cold.insertMessages(rows, options);
    if (lost++ === 0) throw new Error("socket hang up");
  };
  await using archive = await stores.archive({}, { ...stores.cold, insertMessages });
  await stores.create("7", ["ann"]);
  await traffic(stores, 1, 100);
  await archive.caughtUp();
  expect(lost).toBe(1);
  await expectOnce(stores, 100);
});

test("an archive that ends while ClickHouse is away leaves the backlog to the next one", async () => {
  const stores = await openStores();
  await stores.create("7", ["ann"]);
  let attempts = 0;
  const away: ColdStore["insertMessages"] = () => {
    attempts++;
    return Promise.reject(new Error("connect ECONNREFUSED"));
  };
  {
    await using first = await stores.archive({}, { ...stores.cold, insertMessages: away });
    await traffic(stores, 1, 100);
    await expect.poll(() => attempts).toBeGreaterThan(1);
    expect(await first.plan()).toEqual(expect.any(Array));
  }
  await using archive = await stores.archive();
  await archive.caughtUp();
  await expectOnce(stores, 100);
});

test("whatever Unicode a message holds, it does not stop the archive", async () => {
  const stores = await openStores();
  await using archive = await stores.archive();
  await stores.create("7", ["ann"]);
  await stores.send("7", "ann", ["lone \ud800 surrogate", "nul \u0000", 'quote " back \\ slash \n', "𝕌🙂"]);
  await archive.caughtUp();
  expect(await stores.select("SELECT seq FROM tributary.messages ORDER BY seq")).toEqual(["1", "2", "3", "4"]);
  const entries = await stores.cold.entryPage({ conversationId: "7", limit: 10, descending: false });
  expect(entries.map(({ body }) => (JSON.parse(body) as { text: string }).text)).toEqual([
    "lone \ud800 surrogate",
    "nul \u0000",
    'quote " back \\ slash \n',
    "𝕌🙂",
  ]);
});
