import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensurePrograms, runProgram } from "./system-programs.ts";

/**
 * Directory with the classes of a Java server: fetched by Maven the first time, which takes a minute, and kept. Rejects with a sentence where that can't be done.
 * @param what name of the server, for people
 * @param pom names what is fetched
 * @param cache where it is kept
 * @param say told what takes long
 */
export async function ensureClasses(what: string, pom: string, cache: string, say: (words: string) => void): Promise<string> {
  await ensurePrograms({ java: "openjdk-17-jdk-headless", javac: "openjdk-17-jdk-headless" }, say);
  const version = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const classes = join(cache, version);
  if (existsSync(classes)) return classes;
  await ensurePrograms({ mvn: "maven" }, say);
  say(`fetching ${what} (Maven), which takes a minute the first time …`);
  const fresh = `${classes}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const copy = ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${fresh}`];
    await runProgram("mvn", copy, `${what} could not be fetched: see to the network, or to Maven's settings, and try again`);
    keep(fresh, classes);
    return classes;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Somebody else may have fetched the same meanwhile. */
function keep(fresh: string, classes: string): void {
  try {
    renameSync(fresh, classes);
  } catch (error) {
    if (!existsSync(classes)) throw error;
  }
}
