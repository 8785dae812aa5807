import { createPaths } from "./chains.ts";
import type { Engine } from "./cypher.ts";
import { createLists } from "./lists.ts";
import { createPairStore } from "./pairs.ts";
import type { Graph } from "./port.ts";
import { createSuggestions } from "./suggestions.ts";

/** The port over Cypher, but for what is each database's own: loading, the question whether it is there, and its end. */
export const createCypherGraph = (engine: Engine): Omit<Graph, "load" | "ping" | typeof Symbol.asyncDispose> => ({
  ...createPairStore(engine),
  ...createLists(engine),
  ...createPaths(engine),
  ...createSuggestions(engine),
});
