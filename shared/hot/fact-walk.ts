import { keys } from "./keys.ts";
import { scanKeys } from "./nodes.ts";
import type { Hot } from "./redis.ts";

/** Keys asked for in one step. */
const STEP = 1_000;

/** Every user who has facts, some perhaps twice; those who come meanwhile may be left out. */
export async function* factHolders(hot: Hot): AsyncGenerator<string> {
  for (let cursor = "0"; ;) {
    const [next, names] = await scanKeys(hot, cursor, STEP, "f:{u*");
    for (const name of names) yield name.slice(name.indexOf("}:") + 2);
    if (next === "0") return;
    cursor = next;
  }
}

/** Those of whom a user's facts tell, in pages of about so many. */
export async function* heldBy({ redis }: Hot, user: string, count: number): AsyncGenerator<string[]> {
  for (let cursor = "0"; ;) {
    const [next, fields] = await redis.hscan(keys.facts(user), cursor, "COUNT", count);
    const others = fields.filter((_, i) => i % 2 === 0);
    if (others.length > 0) yield others;
    if (next === "0") return;
    cursor = next;
  }
}
