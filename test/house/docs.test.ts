import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { capacityFile, referenceDirectory, referencePages } from "#infra/docs.ts";
import { archiveRelations } from "#infra/reference/tables.ts";
import { capacityPage } from "../../loadtest/capacity/page.ts";

test("every page of the reference is what the code gives: run `npm run docs`", async () => {
  const pages = await referencePages();
  expect(readdirSync(referenceDirectory).toSorted()).toEqual(Object.keys(pages).toSorted());
  for (const [name, text] of Object.entries(pages)) expect(readFileSync(join(referenceDirectory, name), "utf8")).toBe(text);
});

test("the capacity page is what the costs give: run `npm run docs`", () => {
  expect(readFileSync(capacityFile, "utf8")).toBe(capacityPage());
});

test("every table, view and column of the archive has a comment", () => {
  const relations = archiveRelations();
  expect(relations.map(({ name }) => name)).toEqual(expect.arrayContaining(["messages", "inbox", "conversations", "members", "retention"]));
  for (const { name, comment, columns } of relations) {
    expect({ name, comment }).toEqual({ name, comment: expect.stringMatching(/./) as string });
    for (const column of columns)
      expect(column).toEqual({ name: column.name, type: expect.stringMatching(/./), comment: expect.stringMatching(/./) });
  }
});

test("columns and types are read whole, brackets, quotes and codecs beside them", () => {
  const messages = archiveRelations().find(({ name }) => name === "messages");
  expect(messages).toMatchObject({ kind: "table", order: "(conversation_id, seq)" });
  expect(messages?.columns).toHaveLength(16);
  expect(messages?.columns).toContainEqual({ name: "at", type: "DateTime64(3, 'UTC')", comment: "Time of the commit" });
  const inbox = archiveRelations().find(({ name }) => name === "inbox");
  expect(inbox?.comment).toContain("the user's own events");
});
