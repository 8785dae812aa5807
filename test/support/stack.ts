import { inject } from "vitest";
import type { Neo4jAccess } from "#shared/graph/neo4j.ts";
import { startTestKafka } from "./kafka.ts";
import { emptyNeo4j } from "./neo4j.ts";

declare module "vitest" {
  interface ProvidedContext {
    neo4j: Neo4jAccess;
  }
}

/** True if the tests run on the engines that a big deployment has: a native Redis Cluster, Kafka and Neo4j. */
export const onStack = process.env["TEST_STACK"] === "full";

/** Settings that lead to a Kafka of the caller's own and to the Neo4j of the run, with nobody in it: one world at a time. */
export async function startStack(stack: AsyncDisposableStack): Promise<Record<string, string>> {
  const graph = inject("neo4j");
  const [kafka] = await Promise.all([startTestKafka(), emptyNeo4j(graph)]);
  stack.use(kafka);
  return { KAFKA_BROKERS: kafka.brokers, NEO4J_URL: graph.url, NEO4J_USER: graph.user, NEO4J_PASSWORD: graph.password };
}
