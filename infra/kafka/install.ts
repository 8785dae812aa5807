import { join } from "node:path";
import { ensureClasses } from "../maven.ts";

const POM = join(import.meta.dirname, "pom.xml");
const CACHE = join(import.meta.dirname, "../../.cache/kafka");

/** Directory with the classes of Kafka, see `ensureClasses`. */
export const ensureKafka = (say: (words: string) => void): Promise<string> => ensureClasses("Kafka", POM, CACHE, say);
