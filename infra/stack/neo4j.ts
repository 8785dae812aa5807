import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openNeo4jGraph } from "#shared/graph/neo4j.ts";
import { ensureNeo4j } from "../neo4j/install.ts";
import { neo4jCommand } from "../neo4j/start.ts";
import { freePort } from "../redis/ready.ts";
import type { StackPart } from "./part.ts";

/** A Neo4j of one process, with authentication on; the password is made once and kept with its data. */
export const neo4jPart: StackPart = {
  async prepare(dir, before, say) {
    const classes = await ensureNeo4j(say);
    const url = before?.["NEO4J_URL"] ?? `bolt://127.0.0.1:${await freePort()}`;
    const password = before?.["NEO4J_PASSWORD"] ?? randomBytes(18).toString("base64url");
    const args = neo4jCommand(classes, join(dir, "data"), Number(new URL(url).port));
    return {
      processes: [{ program: "java", args, env: { NEO4J_PASSWORD: password } }],
      settings: { NEO4J_URL: url, NEO4J_USER: "neo4j", NEO4J_PASSWORD: password },
    };
  },
  async answers(settings) {
    await using graph = openNeo4jGraph({
      url: settings["NEO4J_URL"] ?? "",
      user: settings["NEO4J_USER"] ?? "",
      password: settings["NEO4J_PASSWORD"] ?? "",
    });
    await graph.ping();
  },
};
