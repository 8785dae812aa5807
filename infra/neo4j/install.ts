import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensurePrograms, runProgram } from "../system-programs.ts";

const POM = join(import.meta.dirname, "pom.xml");
const CACHE = join(import.meta.dirname, "../../.cache/neo4j");

/**
 * Directory with the classes of Neo4j: fetched by Maven the first time, which takes a minute, and kept. Rejects with a sentence where that can't be done.
 * @param say told what takes long
 */
export async function ensureNeo4j(say: (words: string) => void): Promise<string> {
  await ensurePrograms({ java: "openjdk-17-jdk-headless", javac: "openjdk-17-jdk-headless" }, say);
  const version = createHash("sha256").update(readFileSync(POM)).digest("hex").slice(0, 12);
  const classes = join(CACHE, version);
  if (existsSync(classes)) return classes;
  await ensurePrograms({ mvn: "maven" }, say);
  say("fetching Neo4j (Maven), which takes a minute the first time …");
  const fresh = `${classes}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const copy = ["-q", "-B", "-f", POM, "dependency:copy-dependencies", `-DoutputDirectory=${fresh}`];
    await runProgram("mvn", copy, "Neo4j could not be fetched: see to the network, or to Maven's settings, and try again");
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
