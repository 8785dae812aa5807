import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openFiles } from "./files.ts";

function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "tributary-files-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const begin = async (journal: string): Promise<void> => writeFileSync(journal, "");
const read = (file: string): string => readFileSync(file, "utf8");

test("a database that was closed in order is opened as it is", () => {
  const dir = freshDir();
  const first = openFiles(dir);
  expect(first.behind).toBe(true);
  writeFileSync(first.database, "one");
  writeFileSync(first.journal(), "a line");
  first.closed();
  const second = openFiles(dir);
  expect({ behind: second.behind, database: read(second.database), journal: read(second.journal()) }).toEqual({
    behind: false,
    database: "one",
    journal: "a line",
  });
});

test("one that was not is made again from the last snapshot, with the journal that goes with it", async () => {
  const dir = freshDir();
  const first = openFiles(dir);
  writeFileSync(first.database, "one");
  writeFileSync(first.journal(), "old");
  await first.snapshot(begin);
  writeFileSync(first.journal(), "new");
  writeFileSync(first.database, "half written");
  writeFileSync(`${first.database}.wal`, "log");
  writeFileSync(join(dir, "snapshot.draft"), "half copied");
  const second = openFiles(dir);
  expect(second.behind).toBe(true);
  expect(read(second.database)).toBe("one");
  expect(read(second.journal())).toBe("new");
  expect(readdirSync(dir)).toHaveLength(3);
});

test("without a snapshot it begins anew, with all of the journal", () => {
  const dir = freshDir();
  const first = openFiles(dir);
  writeFileSync(first.database, "half written");
  writeFileSync(first.journal(), "all");
  const second = openFiles(dir);
  expect(second.behind).toBe(true);
  expect(existsSync(second.database)).toBe(false);
  expect(read(second.journal())).toBe("all");
});

test("a crash between a snapshot's journal and the snapshot leaves the ones before", async () => {
  const dir = freshDir();
  const first = openFiles(dir);
  writeFileSync(first.database, "one");
  writeFileSync(first.journal(), "before");
  const crash = first.snapshot(async (journal) => {
    await begin(journal);
    throw new Error("crash");
  });
  await expect(crash).rejects.toThrow("crash");
  const second = openFiles(dir);
  expect(read(second.journal())).toBe("before");
  expect(existsSync(second.database)).toBe(false);
});
