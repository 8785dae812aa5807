import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startNeo4j } from "#infra/neo4j/start.ts";
import { prepareNeo4j } from "#shared/graph/neo4j-start.ts";
import { warmUp } from "./neo4j.ts";

/** Before all tests of a run: its Neo4j, which takes a while to start and to be quick. Resolves to what ends it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), "tributary-neo4j-"));
  const child = await startNeo4j({
    dir,
    password: "a password of the tests",
    shortLived: true,
    say: (words) => void process.stdout.write(`${words}\n`),
  });
  await prepareNeo4j(child);
  await warmUp(child);
  const { url, user, password } = child;
  project.provide("neo4j", { url, user, password });
  return async () => {
    await child[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  };
}
