import { type DestinationStream, pino } from "pino";

/** Fields that are blanked wherever they stand at the top of a line or one level down. */
const hidden = ["token", "secret", "password", "authorization"];

interface Write {
  (message: string): void;
  /** An `Error` goes under `err`, so that its stack is kept. */
  (fields: Record<string, unknown>, message: string): void;
}

/** What the parts of the server log with: one event a line, fields before the sentence. */
export interface Logger {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
  /** The same logger with `fields` on each of its lines. */
  child(fields: Record<string, unknown>): Logger;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * JSON lines on stdout (or `destination`): `level` as a word, `time` in Unix ms, `role`, `pid`, the fields and `msg`.
 * Tokens, secrets and passwords that get into the fields by mistake are blanked.
 */
export function createLogger(level: LogLevel, { role }: { role: string }, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { role, pid: process.pid },
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: hidden.flatMap((name) => [name, `*.${name}`]), censor: "[hidden]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
