import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The oldest Redis whose commands and settings the server uses. */
const oldestMajor = 7;

const advice =
  "install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis; Fedora: dnf install redis) or set REDIS_URL to a running one";

/** How to start a Redis here: the program and the arguments before the path of the configuration file. */
export interface RedisProgram {
  file: string;
  args: readonly string[];
}

/** Finds `redis-server` on PATH; it will end with this process. Throws one sentence that says what to install when it is missing or too old. */
export async function findRedisServer(): Promise<RedisProgram> {
  const file = await redisServerFile();
  return (await endingWithParent(file)) ?? { file, args: [] };
}

/** The path of `redis-server`, with the same complaints. */
export async function redisServerFile(): Promise<string> {
  const file = await onPath("redis-server");
  if (file === null) throw new Error(`redis-server is not installed: ${advice}`);
  const { stdout } = await run(file, ["--version"]);
  const version = /v=(\d+)\.(\S+)/.exec(stdout);
  if (version === null || Number(version[1]) < oldestMajor)
    throw new Error(`${file} is version ${version?.slice(1).join(".") ?? "unknown"}, Redis ${oldestMajor} or newer is needed: ${advice}`);
  return file;
}

/** On Linux `setpriv` has the kernel send SIGTERM to the Redis when its parent dies, however that dies. */
async function endingWithParent(file: string): Promise<RedisProgram | null> {
  const setpriv = process.platform === "linux" ? await onPath("setpriv") : null;
  if (setpriv === null) return null;
  const option = ["--pdeathsig", "TERM"];
  // BusyBox has a setpriv without this option.
  const works = await run(setpriv, [...option, "true"]).then(
    () => true,
    () => false,
  );
  return works ? { file: setpriv, args: [...option, file] } : null;
}

async function onPath(program: string): Promise<string | null> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder === "" ? "." : folder, program);
    const runnable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return path;
  }
  return null;
}
