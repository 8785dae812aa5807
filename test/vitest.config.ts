import { defineConfig } from "vitest/config";

/** One project a ring, by cost: unit and contract are cheap, integration starts real servers, fault kills them, load floods them a little. */
const ring = (name: string, include: string[], timeout: number) => ({
  test: {
    name,
    include,
    environment: "node" as const,
    testTimeout: timeout,
    hookTimeout: timeout,
    pool: "forks" as const,
    // States are waited for as long as elsewhere, however slow the machine.
    expect: { poll: { timeout: 20_000 } },
  },
});

/** What is told again on the engines of a big deployment, in many processes. */
const stories = [
  "test/journey.test.ts",
  "test/integration/relations.test.ts",
  "test/property/**/*.test.ts",
  "test/fault/{workers,rolling}.test.ts",
];

export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    maxWorkers: 2,
    projects: [
      ring(
        "unit",
        ["shared/**/*.test.ts", "services/**/*.test.ts", "infra/**/*.test.ts", "loadtest/**/*.test.ts", "test/house/**/*.test.ts"],
        30_000,
      ),
      ring("contract", ["test/contract/**/*.test.ts"], 60_000),
      ring("integration", ["test/integration/**/*.test.ts", "test/journey.test.ts"], 180_000),
      ring("property", ["test/property/**/*.test.ts"], 300_000),
      ring("fault", ["test/fault/**/*.test.ts"], 300_000),
      ring("load", ["test/load/**/*.test.ts"], 300_000),
      {
        test: {
          ...ring("stack", stories, 300_000).test,
          // They share a Neo4j.
          fileParallelism: false,
          globalSetup: "test/support/stack-setup.ts",
          env: { TEST_REDIS: "cluster", TEST_STACK: "full" },
        },
      },
    ],
  },
});
