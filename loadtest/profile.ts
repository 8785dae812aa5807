import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { runChat } from "./bench/chat.ts";
import { runPaced } from "./bench/paced.ts";
import { openTributaryChat } from "./bench/chat-sides.ts";
import { cpuOf, treeOf } from "./bench/cpu.ts";
import { loadScripts } from "#shared/hot/scripts.ts";
import { startLoadServer } from "./lean/server.ts";

/**
 * `node loadtest/profile.ts [seconds] [directory|none] [messages/s]`: row a's traffic under the profiler, or without it, as fast as it goes or paced;
 * prints what took most time, in Node by function and in Redis by command.
 */
const [seconds = "6", dir = "/tmp/tributary-profile", rate] = process.argv.slice(2);

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

function printTop({ nodes, samples, timeDeltas }: Profile, messages: number): void {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName} ${url.split("/").slice(-3).join("/")}:${lineNumber + 1}`,
    ]),
  );
  const self = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    self.set(name, (self.get(name) ?? 0) + (timeDeltas[i] ?? 0));
  }
  for (const [name, us] of [...self].toSorted((a, b) => b[1] - a[1]).slice(0, 60))
    process.stdout.write(`${(us / messages).toFixed(2).padStart(8)} µs  ${name}\n`);
}

/** Counts from now on what Redis does: by command, and by script where a command is one. */
async function watchRedis(url: string) {
  const redis = new Redis(url);
  await redis.config("RESETSTAT");
  await redis.config("SET", "slowlog-log-slower-than", "20", "slowlog-max-len", "200000");
  await redis.slowlog("RESET");
  const names = new Map(Object.values(loadScripts()).map(({ sha, name }) => [sha, name]));
  return {
    async print(messages: number): Promise<void> {
      const each = (us: number) => `${(us / messages).toFixed(2).padStart(8)} µs`;
      const scripts = new Map<string, { us: number; calls: number }>();
      for (const [, , us, [, sha = ""]] of (await redis.slowlog("GET", 200_000)) as [number, number, number, string[]][]) {
        const name = names.get(sha);
        if (name === undefined) continue;
        const sum = scripts.getOrInsertComputed(name, () => ({ us: 0, calls: 0 }));
        sum.us += us;
        sum.calls++;
      }
      for (const [name, { us, calls }] of scripts)
        process.stdout.write(`${each(us)}  ${name}.lua, ${(messages / calls).toFixed(0)} messages a call\n`);
      for (const line of (await redis.info("commandstats")).split("\n")) {
        const [, name = "", calls = "0", us = "0"] = /^cmdstat_(\S+):calls=(\d+),usec=(\d+)/.exec(line) ?? [];
        if (Number(us) > 20_000) process.stdout.write(`${each(Number(us))}  ${name}, ${(Number(calls) / messages).toFixed(2)} calls\n`);
      }
      redis.disconnect();
    },
  };
}

async function main(): Promise<void> {
  let messages = 0;
  let pid = 0;
  {
    await using server = await startLoadServer(dir === "none" ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${dir}` });
    pid = server.process?.pid ?? 0;
    const chat = await openTributaryChat(server, 100);
    await runChat(chat, 10, 2);
    const redis = await watchRedis(server.redisUrl ?? "");
    const tree = [...treeOf(pid)];
    const before = tree.map(([one]) => cpuOf(one));
    const slice = rate === undefined ? await runChat(chat, 10, Number(seconds)) : await runPaced(chat, Number(rate), Number(seconds));
    messages = chat.pairs.reduce((sum, { sent }) => sum + sent, 0);
    process.stdout.write(`${JSON.stringify(slice)}\n`);
    await redis.print(slice.messages);
    for (const [i, [one, name]] of tree.entries()) {
      process.stdout.write(`${(((cpuOf(one) - (before[i] ?? 0)) / slice.messages) * 1e6).toFixed(1).padStart(8)} µs  ${name} ${one}\n`);
    }
  }
  if (dir === "none") return;
  const file = (await readdir(dir)).filter((name) => name.includes(`.${pid}.`)).at(-1);
  if (file !== undefined) printTop(JSON.parse(await readFile(join(dir, file), "utf8")) as Profile, messages);
}

await main();
