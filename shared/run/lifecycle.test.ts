import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

/** A process that runs `body` as its start; what it writes arrives line by line. */
function run(body: string, more = ""): { child: ChildProcess; lines: AsyncIterator<string>; ended: Promise<unknown[]> } {
  const source = `
    import { runUntilSignal } from ${JSON.stringify(new URL("./lifecycle.ts", import.meta.url).href)};
    const say = (text) => process.stdout.write(text + "\\n");
    const logger = { debug() {}, info() {}, warn: (fields, text) => say(text), error: (fields, text) => say(text), child: () => logger };
    await runUntilSignal(async (stack, signal) => { ${body} }, logger${more});
    say("end");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](), ended: once(child, "exit") };
}

async function next(lines: AsyncIterator<string>): Promise<string | undefined> {
  const { value, done } = await lines.next();
  return done === true ? undefined : value;
}

test.each(["SIGINT", "SIGTERM"] as const)("%s disposes in reverse and ends with 0", async (signal) => {
  const { child, lines, ended } = run(`stack.defer(() => say("first")); stack.defer(() => say("second")); say("up");`);
  expect(await next(lines)).toBe("up");
  child.kill(signal);
  expect([await next(lines), await next(lines), await next(lines)]).toEqual(["second", "first", "end"]);
  expect(await ended).toEqual([0, null]);
});

test("a second signal ends at once", async () => {
  const { child, lines, ended } = run(`stack.defer(() => { say("stopping"); return new Promise(() => {}); }); say("up");`);
  await next(lines);
  child.kill("SIGTERM");
  expect(await next(lines)).toBe("stopping");
  child.kill("SIGINT");
  expect(await ended).toEqual([null, "SIGINT"]);
});

test("what does not end is not waited for without end", async () => {
  const { child, lines, ended } = run(`stack.defer(() => new Promise(() => {})); say("up");`, ", undefined, 300");
  await next(lines);
  child.kill("SIGTERM");
  expect(await next(lines)).toMatch(/^not stopped within \d+ s; ending all the same$/);
  expect(await ended).toEqual([1, null]);
});

test("what is left open after the stop is named and does not hold the process", async () => {
  const { child, lines, ended } = run(`setInterval(() => {}, 1_000); say("up");`);
  await next(lines);
  child.kill("SIGTERM");
  expect([await next(lines), await next(lines)]).toEqual(["end", "stopped, yet something is open; ending all the same"]);
  expect(await ended).toEqual([0, null]);
});

test("the same signal from the terminal and again from npm is one wish to stop", async () => {
  const { child, lines, ended } = run(`
    const echoed = new Promise((heard) => process.prependListener("SIGINT", () => signal.aborted && heard()));
    stack.defer(async () => { say("stopping"); await echoed; say("closed"); });
    say("up");`);
  await next(lines);
  child.kill("SIGINT");
  expect(await next(lines)).toBe("stopping");
  child.kill("SIGINT");
  expect(await next(lines)).toBe("closed");
  expect(await ended).toEqual([0, null]);
});

test("a start that fails closes what it had opened and ends with 1", async () => {
  const { lines, ended } = run(`stack.defer(() => say("closed")); throw new Error("no");`);
  expect([await next(lines), await next(lines), await next(lines)]).toEqual(["the start failed", "closed", "end"]);
  expect(await ended).toEqual([1, null]);
});

test("a signal while it still starts ends the start", async () => {
  const { child, lines, ended } = run(`
    stack.defer(() => say("closed"));
    say("starting");
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));`);
  await next(lines);
  child.kill("SIGTERM");
  expect([await next(lines), await next(lines)]).toEqual(["closed", "end"]);
  expect(await ended).toEqual([0, null]);
});

test("a stop that fails ends with 1", async () => {
  const { child, lines, ended } = run(`stack.defer(() => { throw new Error("stuck"); }); say("up");`);
  await next(lines);
  child.kill("SIGTERM");
  expect(await next(lines)).toBe("stopping failed");
  expect(await ended).toEqual([1, null]);
});
