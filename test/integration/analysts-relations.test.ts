import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { userStreams, type UserStream } from "#shared/hot/keys.ts";
import { changeLine, type RelationChange } from "#shared/wire/relation-change.ts";
import { openStores } from "./archive-world.ts";

const guide = readFileSync(join(import.meta.dirname, "../../docs/analysts.md"), "utf8");

/** The SQL that the guide gives under a heading. */
function queryOf(heading: string): string {
  const [, text = ""] = guide.split(`### ${heading}\n`);
  return /```sql\n(.*?)```/s.exec(text)?.[1] ?? "";
}

const DAY = 86_400_000;
const monday = Date.UTC(2026, 0, 5, 12);

/** "ann followed bob" on a day, each a second after the one before. */
function changesOf(day: number, words: readonly string[]): RelationChange[] {
  return words.map((line, i) => {
    const [user = "", change, other = ""] = line.split(" ");
    return { user, change: change as RelationChange["change"], other, alias: "", note: "", at: monday + day * DAY + i * 1_000 };
  });
}

const relations = (): UserStream => userStreams("relations")[0] as UserStream;

const changes = [
  ...changesOf(0, ["bob followed ann", "cyd followed ann", "ann followed bob", "dan requested eve", "eve accepted dan"]),
  ...changesOf(1, ["cyd unfollowed ann", "dan followed bob", "eve followed bob", "eve unfriended dan"]),
  ...changesOf(2, ["cyd followed ann", "ann blocked eve", "eve unfollowed bob"]),
];

test("the guide's queries for growth, reciprocity and reach say what was so, whatever was archived twice", async () => {
  const stores = await openStores();
  const archive = await stores.archive();
  const write = (some: readonly RelationChange[]) => stores.hot.redis.xadd(relations().key, "*", "r", some.map(changeLine).join("\n"));
  await write(changes.slice(0, 5));
  await archive.caughtUp();
  for (const change of changes.slice(5)) await write([change]);
  await archive.caughtUp();
  await expect.poll(() => stores.hot.redis.xlen(relations().key), { timeout: 20_000 }).toBeLessThanOrEqual(1);

  expect(await stores.select(queryOf("Growth"))).toEqual([
    "2026-01-05\t3\t0\t1\t1\t0\t0\t3",
    "2026-01-06\t2\t1\t0\t0\t1\t0\t4",
    "2026-01-07\t1\t1\t0\t0\t0\t1\t4",
  ]);
  // bob and ann follow each other; cyd follows ann, dan follows bob.
  expect(await stores.select(queryOf("Reciprocity"))).toEqual(["4\t2\t0.5"]);
  expect(await stores.select(queryOf("Reach"))).toEqual(["ann\t2\t1\t3", "bob\t2\t1\t3"]);
});

test("a batch of relations that was cut short is there once, when the next archiver has taken over", async () => {
  const stores = await openStores();
  const lines = changes.map(changeLine);
  const end = await stores.hot.redis.xadd(relations().key, "*", "r", lines.join("\n"));
  await stores.cold.insertRelations(changes.slice(0, 4));
  await stores.hot.redis.set(relations().intent, end ?? "");
  const archive = await stores.archive();
  await archive.caughtUp();
  expect(await stores.select("SELECT count(), uniqExact((user, other, change, at)) FROM tributary.relations")).toEqual([
    `${changes.length}\t${changes.length}`,
  ]);
});
