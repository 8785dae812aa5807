import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type JavaChild, startJava } from "../java.ts";
import { freePort } from "../redis/ready.ts";
import { ensureNeo4j } from "./install.ts";

export interface Neo4jOptions {
  /** A directory of its own, made when missing. */
  dir: string;
  /** Of Bolt, on 127.0.0.1; none: a free one. */
  port?: number;
  /** For the user `neo4j`: at least 8 characters. */
  password: string;
  /** True if it will not live long: it is ready in half the time, and never as fast as it could become. */
  shortLived?: boolean;
  /** Told what takes long. */
  say: (words: string) => void;
}

/** A Neo4j as a child process, with authentication on. It ends with this process. */
export interface Neo4jChild extends AsyncDisposable {
  url: string;
  user: string;
  password: string;
  port: number;
  pid: number;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
}

const SERVER = join(import.meta.dirname, "Neo4jServer.java");
const START_MS = 120_000;

/** Command line of a Neo4j; it prints `ready` once it answers. The password goes by the environment. */
export const neo4jCommand = (classes: string, dir: string, port: number, shortLived = false): string[] => [
  "-Xmx1g",
  "-XX:+UseSerialGC",
  ...(shortLived ? ["-XX:TieredStopAtLevel=1"] : []),
  "-cp",
  join(classes, "*"),
  SERVER,
  dir,
  String(port),
];

/** Resolves when it says that it is ready; rejects with its last words when it ends first, or is late. */
async function untilReady({ process: child, words }: JavaChild): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(new Error(`Neo4j did not start within ${START_MS / 1_000} s: ${words()}`)), START_MS);
  child.once("exit", (code, signal) => reject(new Error(`Neo4j ended with ${String(code ?? signal)} before it was ready: ${words()}`)));
  createInterface({ input: child.stdout }).on("line", (line) => line === "ready" && resolve());
  try {
    await promise;
  } finally {
    clearTimeout(late);
  }
}

/** Starts a Neo4j in `dir` and resolves once it answers. Rejects with its last words when it does not start. */
export async function startNeo4j({ dir, port, password, shortLived, say }: Neo4jOptions): Promise<Neo4jChild> {
  const classes = await ensureNeo4j(say);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const bolt = port ?? (await freePort());
  const child = startJava(neo4jCommand(classes, dir, bolt, shortLived), { NEO4J_PASSWORD: password });
  try {
    await untilReady(child);
  } catch (error) {
    await child.end("SIGKILL");
    throw error;
  }
  return {
    url: `bolt://127.0.0.1:${bolt}`,
    user: "neo4j",
    password,
    port: bolt,
    pid: child.process.pid ?? 0,
    kill: () => child.end("SIGKILL"),
    [Symbol.asyncDispose]: () => child.end("SIGTERM"),
  };
}
