import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** How long a server may take to end before it is killed (ms). */
const STOP_MS = 20_000;

/** A Java server as a child process. */
export interface JavaChild {
  process: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The last of what it wrote to its error stream. */
  words: () => string;
  gone: () => boolean;
  /** Sends the signal, and SIGKILL after 20 s; resolves when it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a server of infra that ends with this process: `attached` has it end when its standard input does. */
export function startJava(args: readonly string[], env: NodeJS.ProcessEnv = {}): JavaChild {
  const child = spawn("java", [...args, "attached"], { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const exit = once(child, "exit");
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-2_000)));
  const gone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    process: child,
    words: () => words.trim(),
    gone,
    async end(signal) {
      if (!gone()) child.kill(signal);
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exit;
      clearTimeout(late);
    },
  };
}
