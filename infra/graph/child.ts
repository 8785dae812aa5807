import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Logger, supervise, type SupervisedChild } from "../supervised.ts";

export interface GraphOptions {
  dir: string;
  /** Who knows it may ask. */
  secret: string;
  /** Bytes of the database's buffer pool; 256 MiB if left out. */
  memory?: number;
  /** Least size of its journal (bytes) at which a snapshot is taken; 8 MiB if left out. */
  journal?: number;
  logger: Logger;
}

/** The embedded graph as a child process, restarted when it dies. */
export interface GraphChild extends Omit<SupervisedChild, "port"> {
  url: string;
}

const SERVER = fileURLToPath(new URL("./server.ts", import.meta.url));
const MEMORY = 256 * 2 ** 20;
const JOURNAL = 8 * 2 ** 20;

/**
 * Starts the embedded graph on a free port of loopback and waits until it answers. When it dies it is started again on the same port, with all that it
 * acknowledged. Disposing ends it: SIGTERM, and SIGKILL after 5 s. It ends by itself when this process dies.
 * @throws Error with the child's last words when the first start fails
 */
export async function startGraph({ dir, secret, memory = MEMORY, journal = JOURNAL, logger }: GraphOptions): Promise<GraphChild> {
  const child = await supervise({
    name: "the embedded graph",
    port: 0,
    launch: (port) =>
      spawn(process.execPath, [SERVER], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        // What a terminal tells all processes of its group does not reach it: its parent ends it when it is no longer needed.
        detached: true,
        env: {
          ...process.env,
          GRAPH_DIR: dir,
          GRAPH_PORT: String(port),
          GRAPH_SECRET: secret,
          GRAPH_MEMORY: String(memory),
          GRAPH_JOURNAL: String(journal),
        },
      }),
    answers: async (port, signal) => {
      const answer = await fetch(`http://127.0.0.1:${port}/ping`, { signal });
      if (!answer.ok) throw new Error(`the embedded graph answers ${answer.status} to /ping`);
    },
    logger,
  });
  return { url: `http://127.0.0.1:${child.port}`, pid: () => child.pid(), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
