import { spawnSync } from "node:child_process";
import { constants, closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import net from "node:net";
import type { Readable } from "node:stream";

/** Makes `count` FIFOs in `dir`, anew; returns their paths. The engine writes a result into one, the server reads it from there. */
export const makePipes = (dir: string, count: number): string[] => {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const paths = Array.from({ length: count }, (_, i) => join(dir, String(i)));
  const made = spawnSync("mkfifo", paths, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`mkfifo failed: ${made.error?.message ?? made.stderr}`);
  return paths;
};

/** Opens a FIFO for reading without waiting for a writer. Bytes flow as fast as they are read: the pipe's 64 KiB are the only buffer. */
export const readPipe = (path: string): Readable =>
  new net.Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });

/** Makes sure that a reader sees the end after what was written, also when nothing was ever written. */
export const endPipe = (path: string): void => {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
  }
};
