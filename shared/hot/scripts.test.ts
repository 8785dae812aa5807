import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadScript, loadScripts, scriptNames } from "./scripts.ts";

const header = ["--[[ Says what it does.", "  KEYS  one", "  ARGV  two", "  returns three", "]]"];

/** A directory of Lua files. */
function fixtures(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), "tributary-lua-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test.each(["KEYS", "ARGV", "returns"])("a script without a header line for %s is refused by name", (part) => {
  const dir = fixtures({ "one.lua": `${header.filter((line) => !line.startsWith(`  ${part} `)).join("\n")}\nreturn 1\n` });
  expect(() => loadScript("one", dir)).toThrow(`one.lua: its header must have a line for ${part}`);
});

test("words of a header further down do not count", () => {
  const dir = fixtures({ "one.lua": `return 1\n${header.join("\n")}\n` });
  expect(() => loadScript("one", dir)).toThrow("its header must have a line for KEYS");
});

test("an include becomes the text of its file, and changes the hash", () => {
  const text = `${header.join("\n")}\n--@include part\nreturn f()\n`;
  const dir = fixtures({ "one.lua": text, "part.inc.lua": "local function f() return 1 end\n" });
  const first = loadScript("one", dir);
  expect(first.source).toContain("local function f() return 1 end");
  expect(first.source).not.toContain("--@include");
  writeFileSync(join(dir, "part.inc.lua"), "local function f() return 2 end\n");
  expect(loadScript("one", dir).sha).not.toBe(first.sha);
});

test("a missing include or script stops the load", () => {
  const dir = fixtures({ "one.lua": `${header.join("\n")}\n--@include absent\nreturn 1\n` });
  expect(() => loadScript("one", dir)).toThrow("absent.inc.lua");
  expect(() => loadScript("two", dir)).toThrow("two.lua");
});

const all = Object.fromEntries(scriptNames.map((name) => [`${name}.lua`, `${header.join("\n")}\nreturn 1\n`]));

test("a file that is not declared stops the load of all", () => {
  expect(() => loadScripts(fixtures({ ...all, "stray.lua": all["commit.lua"] ?? "" }))).toThrow("stray.lua is not in scriptNames");
});

test("a declared script without a file stops the load of all", () => {
  const { "commit.lua": _, ...others } = all;
  expect(() => loadScripts(fixtures(others))).toThrow("commit.lua");
});

test("the scripts of the hot tier load, each with a hash of its own", () => {
  const scripts = Object.values(loadScripts());
  expect(scripts.map(({ name }) => name)).toEqual([...scriptNames]);
  expect(new Set(scripts.map(({ sha }) => sha)).size).toBe(scriptNames.length);
});
