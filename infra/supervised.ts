import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** The part of pino's logger that is needed here. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A server that runs as a child with an IPC channel, over which it says `{ port }` once it listens. */
export interface Supervised {
  /** As it stands in sentences: "the embedded ClickHouse". */
  name: string;
  /** 0 lets the system choose; it stays the same over restarts. */
  port: number;
  launch: (port: number) => ChildProcess;
  /** Resolves once the server at the port answers. */
  answers: (port: number, signal: AbortSignal) => Promise<void>;
  /** A sentence of what to do, where its last words are those of a known trouble. */
  advice?: (words: string) => string | null;
  logger: Logger;
}

/** A child process that is started again when it dies. */
export interface SupervisedChild extends AsyncDisposable {
  port: number;
  /** Of the process running now, or of the last one while it is being started again. */
  pid(): number;
}

const START_MS = 60_000;
const STOP_MS = 5_000;

const gone = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Waits until the child listens and answers; rejects with its last words when it dies first. */
const ready = async ({ name, answers, advice }: Supervised, child: ChildProcess): Promise<number> => {
  let words = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-4_000)));
  const limit = AbortSignal.timeout(START_MS);
  const died = once(child, "exit", { signal: limit }).then(([code, signal]) => {
    throw new Error(advice?.(words) ?? `${name} ended with ${String(code ?? signal)}: ${words.trim()}`);
  });
  died.catch(() => undefined);
  const [message] = (await Promise.race([once(child, "message", { signal: limit }), died])) as [{ port: number }];
  await Promise.race([answers(message.port, limit), died]);
  return message.port;
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (gone(child)) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exit;
  clearTimeout(timer);
};

/**
 * Starts a server and waits until it answers. When it dies it is started again on the same port, at once and then with pauses from 0.2 to 10 s.
 * Disposing ends it: SIGTERM, and SIGKILL after 5 s.
 * @throws Error with the child's last words when the first start fails
 */
export const supervise = async (server: Supervised): Promise<SupervisedChild> => {
  const { name, logger } = server;
  const ending = new AbortController();
  let child = server.launch(server.port);
  const port = await ready(server, child).catch(async (error: unknown) => {
    await stop(child);
    throw error;
  });

  const startAgain = async () => {
    for (let pause = 200; !ending.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
      try {
        child = server.launch(port);
        await ready(server, child);
        return logger.info({ pid: child.pid, port }, `${name} is back`);
      } catch (error) {
        await stop(child);
        logger.error({ err: error, pause }, `${name} did not start`);
        await delay(pause, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
  };
  const watch = async () => {
    while (!ending.signal.aborted) {
      if (!gone(child)) await once(child, "exit");
      if (ending.signal.aborted) return;
      logger.warn({ code: child.exitCode, signal: child.signalCode }, `${name} ended; starting it again`);
      await startAgain();
    }
  };
  const watching = watch();
  return {
    port,
    pid: () => child.pid!,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await stop(child);
      await watching;
      await stop(child);
    },
  };
};
