import { parseArgs } from "node:util";
import { ensureK6, runScenario, scenarioLines } from "./lean/k6.ts";
import { startLoadServer } from "./lean/server.ts";
import { LOAD_SECRET } from "./lean/token.ts";

/**
 * `npm run k6 -- <scenario> [--url http://127.0.0.1:8080] [--secret …] [--seconds n] [--sockets n] [--rate n] [-- more k6 arguments]`: a scenario of
 * loadtest/k6, against a server of its own unless given a URL (of one with RATE_LIMITS=off; without its secret it must be in development).
 * Lists the scenarios without one. Exits with k6's code: 99 when a threshold was missed, which each violation is.
 */
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const isLoopback = (url: string): boolean =>
  URL.canParse(url) && new URL(url).protocol === "http:" && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(url).hostname);

function listScenarios(): void {
  say(
    "npm run k6 -- <scenario> [--url http://127.0.0.1:8080] [--secret …] [--seconds n] [--sockets n] [--rate n] [-- more k6 arguments]\n",
  );
  for (const [name, line] of scenarioLines()) say(`  ${name.padEnd(17)}${line}`);
}

const options = {
  url: { type: "string" },
  secret: { type: "string" },
  seconds: { type: "string" },
  sockets: { type: "string" },
  rate: { type: "string" },
} as const;

async function main(): Promise<number> {
  const [own, more] = splitArguments(process.argv.slice(2));
  const { values, positionals } = parseArgs({ args: own, options, allowPositionals: true });
  const [scenario, ...others] = positionals;
  if (scenario === undefined) {
    listScenarios();
    return 0;
  }
  if (!scenarioLines().has(scenario)) throw new Error(`there is no scenario ${scenario}: ${[...scenarioLines().keys()].join(", ")}.`);
  if (others.length > 0)
    throw new Error(`one scenario at a time, not also ${others.join(", ")}: k6's own arguments come after a second --.`);
  const { url, secret, ...size } = values;
  if (url !== undefined && !isLoopback(url)) throw new Error(`load goes to this machine only: ${url} is not an http address of it.`);
  const k6 = await ensureK6(say);
  const sizes = Object.entries(size).map(([name, value]) => [`LOAD_${name.toUpperCase()}`, value]);
  // Ctrl-C reaches k6 too: it ends the run with a summary, and this waits for it.
  process.on("SIGINT", () => {});
  await using server = url === undefined ? await startLoadServer() : null;
  const where = { LOAD_URL: url ?? server?.http ?? "", LOAD_SECRET: url === undefined ? LOAD_SECRET : (secret ?? "") };
  const { code } = await runScenario(k6, scenario, { ...where, ...(Object.fromEntries(sizes) as Record<string, string>) }, { more });
  return code;
}

/** What comes after `--` is k6's. */
function splitArguments(args: string[]): [own: string[], more: string[]] {
  const at = args.indexOf("--");
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`tributary: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
