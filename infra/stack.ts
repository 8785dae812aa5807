import { join } from "node:path";
import { kafkaPart } from "./stack/kafka.ts";
import { neo4jPart } from "./stack/neo4j.ts";
import { redisClusterPart } from "./stack/redis-cluster.ts";
import type { StackPart } from "./stack/part.ts";
import { down, status, up } from "./stack/running.ts";

/**
 * `npm run stack -- up|down|status [part …]`: real servers for development beside Tributary, started natively on loopback; data and settings in
 * `.cache/stack`. `up` prints the settings to start Tributary with.
 */
const parts: Record<string, StackPart> = { neo4j: neo4jPart, kafka: kafkaPart, "redis-cluster": redisClusterPart };

const verbs = ["up", "down", "status"] as const;
const usage = `npm run stack -- ${verbs.join("|")} [${Object.keys(parts).join("|")} …]`;
const home = join(import.meta.dirname, "../.cache/stack");

const say = (words: string): void => void process.stdout.write(`${words}\n`);
const sayFor = (name: string) => (words: string) => say(`${name}: ${words}`);

const lines = (settings: Record<string, string> | null): string =>
  Object.entries(settings ?? {})
    .map(([name, value]) => `export ${name}=${value}`)
    .join("\n");

async function bring(name: string, part: StackPart): Promise<void> {
  const { pids, settings } = await up(part, join(home, name), sayFor(name));
  say(`${name}: answers (pid ${pids.join(", ")}); start Tributary with\n${lines(settings)}`);
}

async function tell(name: string, part: StackPart): Promise<void> {
  const { pids, settings, answers } = await status(part, join(home, name));
  if (pids.length === 0) say(`${name}: does not run`);
  else say(`${name}: pid ${pids.join(", ")} ${answers ? "answers" : "does not answer"}\n${lines(settings)}`);
}

async function end(name: string): Promise<void> {
  const ended = await down(join(home, name));
  say(ended.length === 0 ? `${name}: did not run` : `${name}: ended (pid ${ended.join(", ")})`);
}

async function main([verb = "", ...names]: string[]): Promise<void> {
  const unknown = names.find((name) => parts[name] === undefined);
  if (unknown !== undefined) throw new Error(`there is no ${unknown} here: ${usage}`);
  if (!verbs.some((one) => one === verb)) throw new Error(usage);
  for (const [name, part] of Object.entries(parts)) {
    if (names.length > 0 && !names.includes(name)) continue;
    if (verb === "up") await bring(name, part);
    else if (verb === "down") await end(name);
    else await tell(name, part);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`tributary: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
