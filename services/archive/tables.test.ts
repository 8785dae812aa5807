import { expect, test } from "vitest";
import { listTable, type ListTable, putOnce } from "./tables.ts";

const signal = new AbortController().signal;

/** A table as ClickHouse is one: a token takes effect once, repeats of a row stay. */
function openTable() {
  const rows: string[] = [];
  const tokens = new Set<string>();
  let inserts = 0;
  const list: ListTable<string> = {
    name: "rows",
    key: (row) => row,
    identity: (row) => row,
    existing: (asked) => Promise.resolve(new Set(asked.filter((row) => rows.includes(row)))),
    insert(given, { token = "" }) {
      inserts++;
      if (!tokens.has(token)) rows.push(...given);
      tokens.add(token);
      return Promise.resolve();
    },
  };
  return { table: listTable(list), rows, inserts: () => inserts };
}

test("a batch nobody doubts is inserted once, without a look", async () => {
  const { table, rows, inserts } = openTable();
  expect(await putOnce(table, ["a", "b"], false, signal)).toBe(2);
  expect([rows, inserts()]).toEqual([["a", "b"], 1]);
});

test("no rows make no insert", async () => {
  const { table, inserts } = openTable();
  expect(await putOnce(table, [], false, signal)).toBe(0);
  expect(inserts()).toBe(0);
});

test("of a doubtful batch only what lacks is inserted", async () => {
  const { table, rows } = openTable();
  await putOnce(table, ["a", "b"], false, signal);
  expect(await putOnce(table, ["b", "c"], true, signal)).toBe(1);
  expect(rows).toEqual(["a", "b", "c"]);
});

test("an insert that lands after the read-back has no effect beside the one that follows it", async () => {
  const { table, rows } = openTable();
  let late: (() => Promise<void>) | null = null;
  const insert = table.insert.bind(table);
  table.insert = (given, options) => {
    late = () => insert(given, options);
    return Promise.reject(new Error("socket hang up"));
  };
  await expect(putOnce(table, ["a", "b"], false, signal)).rejects.toThrow("hang up");
  table.insert = async (given, options) => {
    await late?.();
    await insert(given, options);
  };
  await putOnce(table, ["b", "a"], true, signal);
  expect(rows).toEqual(["a", "b"]);
});

test("rows that a token keeps out though they are gone are inserted under another", async () => {
  const { table, rows } = openTable();
  await putOnce(table, ["a", "b"], false, signal);
  rows.length = 0;
  expect(await putOnce(table, ["a", "b"], true, signal)).toBe(2);
  expect(rows).toEqual(["a", "b"]);
});
