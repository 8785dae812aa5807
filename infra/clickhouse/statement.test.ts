import { describe, expect, test } from "vitest";
import { insertHead, kindOf, readParts } from "./statement.ts";
import { tokensOf } from "./tokens.ts";

const words = (text: string) => [...tokensOf(text)].map((token) => `${token.kind}:${token.text}`);
const parts = (text: string) => readParts(text, [...tokensOf(text)]);

describe("the lexer", () => {
  test("tells words, names, strings and comments apart", () => {
    expect(words("SELECT `a``b`, 'it''s \\' x' -- file(\n/* file( */ \"q\" # c\n1.5e3")).toEqual([
      "word:select",
      "name:a`b",
      "sign:,",
      "string:it's ' x",
      "name:q",
      "number:1.5e3",
    ]);
    expect(words("$x$file('a')$x$ file\u200b(")).toEqual(["string:file('a')", "word:file", "sign:("]);
  });

  test("sees code behind the first end of a comment", () => {
    expect(words("/* /* */ file */")).toEqual(["word:file", "sign:*", "sign:/"]);
  });

  test("an unclosed string or comment reaches to the end", () => {
    expect(words("SELECT 'abc FORMAT TSV")).toEqual(["word:select", "string:abc FORMAT TSV"]);
    expect(words("SELECT 1 /* abc")).toEqual(["word:select", "number:1"]);
  });
});

describe("a reading statement", () => {
  test("is cut before its trailing FORMAT", () => {
    expect(parts("SELECT 1 FORMAT JSON;")).toEqual({ before: "SELECT 1 ", format: "JSON", after: "" });
    expect(parts("SELECT 1 FORMAT JSON SETTINGS a = 1 -- x")).toEqual({ before: "SELECT 1 ", format: "JSON", after: " SETTINGS a = 1" });
    expect(parts("SELECT format('{}', 1), (SELECT 'FORMAT x') -- FORMAT y")).toMatchObject({ format: null });
  });
});

describe("an INSERT", () => {
  test("is cut where its data begins", () => {
    expect(insertHead("INSERT INTO t (a, `format`) SETTINGS x = 1 FORMAT TSV\n1\t2", true)).toEqual({
      target: "INSERT INTO t (a, `format`) ",
      settings: "SETTINGS x = 1 ",
      format: "TSV",
      dataStart: 54,
    });
    expect(insertHead("INSERT INTO t VALUES (1)", true)).toMatchObject({ format: "Values", dataStart: 20 });
    expect(insertHead("INSERT INTO t SELECT 1 FORMAT TSV", true)).toBeNull();
  });

  test("waits for more text while its format may go on", () => {
    expect(insertHead("INSERT INTO t FORMAT JSONEach", false)).toBe("more");
    expect(insertHead("INSERT INTO t (a", false)).toBe("more");
    expect(insertHead("INSERT INTO t FORMAT TSV", true)).toMatchObject({ format: "TSV" });
  });
});

test("kinds of statements are told by their first word", () => {
  const kind = (text: string) => kindOf([...tokensOf(text)]);
  expect(["/* x */ select 1", "(SELECT 1)", "SET a = 1", "SET ROLE x", "USE x", "DROP TABLE x", " ; "].map(kind)).toEqual([
    "read",
    "read",
    "set",
    "other",
    "use",
    "other",
    "other",
  ]);
});
