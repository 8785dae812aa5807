import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openJournal, readJournal } from "./journal.ts";

function freshFile(): string {
  const dir = mkdtempSync(join(tmpdir(), "tributary-journal-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, "journal");
}

const record = (key: string, version: number) => ({ key, version, state: '["ü\\n"]', at: version * 10 });

test("of each pair the last record counts, over all that was written", async () => {
  const file = freshFile();
  expect(readJournal(file)).toEqual(new Map());
  const journal = await openJournal(file);
  await journal.append([record("a b", 1), record("a c", 1)]);
  await journal.append([record("a b", 2)]);
  await journal.close();
  const again = await openJournal(file);
  await again.append([{ ...record("a c", 1), at: null }]);
  await again.close();
  expect([...readJournal(file).values()]).toEqual([record("a b", 2), { ...record("a c", 1), at: null }]);
});

test("a line that was cut off counts as nothing, and what follows stands on a line of its own", async () => {
  const file = freshFile();
  const journal = await openJournal(file);
  await journal.append([record("a b", 1)]);
  await journal.close();
  appendFileSync(file, '[{"key":"a b","version":2,"sta');
  expect(readJournal(file)).toEqual(new Map([["a b", record("a b", 1)]]));
  const again = await openJournal(file);
  await again.append([record("a d", 1)]);
  await again.close();
  expect([...readJournal(file).values()]).toEqual([record("a b", 1), record("a d", 1)]);
});
