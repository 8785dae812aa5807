import { join } from "node:path";
import { ensureClasses } from "../maven.ts";

const POM = join(import.meta.dirname, "pom.xml");
const CACHE = join(import.meta.dirname, "../../.cache/neo4j");

/** Directory with the classes of Neo4j, see `ensureClasses`. */
export const ensureNeo4j = (say: (words: string) => void): Promise<string> => ensureClasses("Neo4j", POM, CACHE, say);
