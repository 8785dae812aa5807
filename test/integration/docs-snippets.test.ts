import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

const root = join(import.meta.dirname, "../..");
const address = "127.0.0.1:8080";

let world: World;
beforeAll(async () => void (world = await startWorld()));
afterAll(() => world[Symbol.asyncDispose]());

/** The fenced blocks of JavaScript in a page, with what stands before each. */
function snippets(path: string): { before: string; code: string }[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(({ 1: code = "", index }) => ({ before: text.slice(0, index), code }));
}

/** Runs a program as a reader would, against this world instead of the address in the text. */
function run(code: string): { child: ChildProcess; output: () => string; all: () => string } {
  const child = spawn(process.execPath, ["--input-type=module", "-e", code.replaceAll(address, new URL(world.http()).host)], { cwd: root });
  const output: string[] = [];
  const errors: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  onTestFinished(() => void child.kill());
  return { child, output: () => output.join(""), all: () => [...output, ...errors].join("") };
}

test("the program of the clients' guide runs to its end and says what the guide says", async () => {
  const { child, output, all } = run(
    snippets("docs/clients.md")
      .map(({ code }) => code)
      .join("\n"),
  );
  await until(() => child.exitCode !== null, 60_000, all);
  const lines = [
    "bob got hello bob as seq 1",
    "bob has 0 unread",
    "history: 1 hello bob",
    "bob was asked by ann with from the choir",
    "bob is a friend of ann",
    "bob pulled and again",
  ];
  expect(output().trim().split("\n")).toEqual(lines);
  expect(child.exitCode).toBe(0);
});

test("the first chat of the README prints the message that it sends", async () => {
  const chat = snippets("README.md").find(({ before }) => /first chat.*\n\s*$/i.test(before));
  expect(chat).toBeDefined();
  const { child, output, all } = run(chat?.code ?? "");
  await until(() => output().includes("hello") || child.exitCode !== null, 60_000, all);
  expect(output()).toMatch(/inbox:ann \d+ \{[^]*hello/);
});
