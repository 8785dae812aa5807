import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const sources = import.meta.dirname;
const cache = join(sources, "../../.cache/peer");

/** Of go.mod: what the centrifuge library asks for. */
const oldest = [1, 26] as const;
const needed = `Go ${oldest.join(".")} or newer is needed for the bench's peer: get it from https://go.dev/dl`;

/** The peer's program, built when its sources have changed since the last time. Throws one sentence when Go is missing or too old, or does not build it. */
export async function peerProgram(): Promise<string> {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}`);
  for (const file of ["go.mod", "go.sum", "main.go"]) hash.update(await readFile(join(sources, file)));
  const file = join(cache, `peer-${hash.digest("hex").slice(0, 16)}`);
  const built = await access(file).then(
    () => true,
    () => false,
  );
  if (built) return file;
  await checkGo();
  await mkdir(cache, { recursive: true });
  // Under its name only when it is whole: another bench may be waiting for the same.
  const half = `${file}.${process.pid}`;
  await go("build", "-trimpath", "-buildvcs=false", "-o", half, ".").catch((error: unknown) => {
    const lines = textOf(error).trim().split("\n");
    throw new Error(`the bench's peer could not be built (${lines.at(-1)}): run \`go build\` in loadtest/peer to see why`, {
      cause: error,
    });
  });
  await rename(half, file);
  return file;
}

const go = async (...args: string[]): Promise<string> => (await run("go", args, { cwd: sources })).stdout;

/** What a command that failed has written. */
const textOf = (error: unknown): string => {
  const { stderr = "", message = "" } = error as { stderr?: string; message?: string };
  return stderr === "" ? message : stderr;
};

async function checkGo(): Promise<void> {
  const version = await go("env", "GOVERSION").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new Error(`go is not on PATH: ${needed}`, { cause: error });
    throw new Error(`${textOf(error).trim()}: ${needed}`, { cause: error });
  });
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) throw new Error(`${version.trim()} is too old: ${needed}`);
}
