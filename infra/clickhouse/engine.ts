import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Session, drainPending } from "chdb";
import { engineError } from "./errors.ts";

/** Roles of the engine; each query's session takes exactly one of them. */
export type Role = "writer" | "reader" | "control";

const USERS = `<clickhouse>
  <profiles><default/></profiles><quotas><default/></quotas>
  <roles>
    <reader><grants>
      <query>GRANT SELECT ON tributary.*</query><query>GRANT SHOW ON tributary.*</query><query>GRANT SHOW ON system.*</query>
    </grants></reader>
    <writer><grants>
      <query>GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SHOW, KILL QUERY, SYSTEM ON *.*</query>
      <query>GRANT TABLE ENGINE ON *</query>
    </grants></writer>
    <control><grants><query>GRANT KILL QUERY ON *.*</query><query>GRANT SELECT, SHOW ON *.*</query></grants></control>
  </roles>
  <users><default>
    <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota><access_management>0</access_management>
    <grants><query>GRANT reader</query><query>GRANT writer</query><query>GRANT control</query></grants>
  </default></users>
</clickhouse>
`;

const config = (usersPath: string) => `<clickhouse>
  <users_config>${usersPath}</users_config>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>64</mmap_cache_size>
</clickhouse>
`;

/** What a finished query tells about itself; `text` is its result where it was not sent elsewhere. */
export interface RunResult {
  text: string;
  rowsRead: number;
  bytesRead: number;
  /** Seconds. */
  elapsed: number;
}

export interface Run {
  role: Role;
  /** SET and USE statements run before the query in the same session; their errors are the query's. */
  prelude: readonly string[];
  sql: string;
  /** Format of `text`. */
  format: string;
}

/** A query under way. */
export interface Running {
  done: Promise<RunResult>;
  /** Ends the query in the engine (KILL QUERY) and resolves when the engine has been told. */
  kill(): Promise<void>;
}

export interface Engine {
  version: string;
  timezone: string;
  hostName: string;
  /** Starts a query in a fresh session of its own, so that nothing of one request reaches another. */
  run(run: Run): Running;
  /** First columns of a small internal query, one string a row. */
  ask(sql: string): Promise<string[]>;
  close(): Promise<void>;
}

const open = (path: string, configPath: string): Session => new Session(path, { connectionArgs: [`--config-file=${configPath}`] });

/** How long a process of an earlier server may take to let go of the directory (ms), and how often it is tried again. */
const LOCKED_MS = 30_000;
const RETRY_MS = 200;

/** Waits for the process of a server that was killed, which ends when it has answered what it was asked. */
const openUnlocked = async (path: string, configPath: string): Promise<Session> => {
  const deadline = performance.now() + LOCKED_MS;
  while (true) {
    try {
      return open(path, configPath);
    } catch (error) {
      const held = error instanceof Error && "code" in error && error.code === "CHDB_CONNECTION";
      if (!held || performance.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
};

const writeConfig = (dir: string): string => {
  const usersPath = join(dir, "users.xml");
  const configPath = join(dir, "config.xml");
  mkdirSync(join(dir, "data"), { recursive: true });
  writeFileSync(usersPath, USERS);
  writeFileSync(configPath, config(usersPath));
  return configPath;
};

/** A string as a ClickHouse literal. */
export const quoted = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** An engine's error without what the server put into the statement: paths of its pipes and files, and the mark. */
const ownWordsRemoved = (error: unknown): unknown => {
  const cleaned = engineError(error);
  cleaned.message = cleaned.message
    .replaceAll(/(?:(?:INTO )?OUTFILE )?'[^']*\/(?:pipes|spool)\/[^']*' APPEND /g, "")
    .replaceAll(/ ?\/\* [0-9a-f-]{36} \*\//g, "")
    .replaceAll(/\S*\/(?:pipes|spool)\/[0-9a-f-]+/g, "body");
  return cleaned;
};

const runIn = async (session: Session, run: Run, mark: string): Promise<RunResult> => {
  try {
    const prelude = [`SET ROLE ${run.role}`, ...run.prelude].join("; ");
    await session.queryAsync(prelude, { format: "TabSeparated" });
    const result = await session.queryAsync(`${run.sql} /* ${mark} */`, { format: run.format });
    return { text: result.text(), rowsRead: result.rowsRead, bytesRead: result.bytesRead, elapsed: result.elapsed };
  } catch (error) {
    throw ownWordsRemoved(error);
  } finally {
    session.close();
  }
};

/**
 * Opens chDB on `dir`. One session stays open so that the engine lives as long as the server; `SET ROLE` of it is irrelevant, as each
 * query takes a session of its own (0.5 ms).
 */
export const openEngine = async (dir: string): Promise<Engine> => {
  const configPath = writeConfig(dir);
  const path = join(dir, "data");
  const keeper = await openUnlocked(path, configPath);
  const ask = async (sql: string): Promise<string[]> => {
    const session = open(path, configPath);
    const result = await runIn(session, { role: "control", prelude: [], sql, format: "TabSeparatedRaw" }, "internal");
    return result.text.split("\n").filter((line) => line !== "");
  };
  const kill = async (mark: string) => {
    await ask(`KILL QUERY WHERE endsWith(trimRight(query), '/* ${mark} */') ASYNC`).catch(() => []);
  };
  const [about] = await ask("SELECT version() || '|' || timezone() || '|' || hostName()");
  const [version = "", timezone = "UTC", hostName = ""] = about!.split("|");
  return {
    version,
    timezone,
    hostName,
    ask,
    run: (run) => {
      const mark = randomUUID();
      return { done: runIn(open(path, configPath), run, mark), kill: () => kill(mark) };
    },
    close: async () => {
      keeper.close();
      await drainPending();
    },
  };
};
