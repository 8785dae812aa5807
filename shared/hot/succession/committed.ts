import type { KeptOp } from "./op-log.ts";

/** What a commit gave to a conversation. */
export interface Committed {
  conversationId: string;
  /** Who sent first. */
  user: string;
  /** Seq of the first message committed; 0 if none was, or if nobody knows. */
  first: number;
}

/** Keys of a conversation in a call of commit.lua, its own arguments and those of a send. */
const KEYS = 5;
const OWN = 2;
const OF_SEND = 5;

/** Takes a call of commit.lua and its answer apart. */
export function committedBy({ name, keys, args, answer }: KeptOp): Committed[] {
  if (name !== "commit") return [];
  const answers = Array.isArray(answer) ? (answer as string[]) : [];
  const all: Committed[] = [];
  for (let key = 0, arg = 0, row = 0; key < keys.length; key += KEYS) {
    const sends = Number(args[arg + 1]);
    const given = answers.slice(row, row + sends).find((text) => text.startsWith("1 "));
    const first = Number(given?.split(" ")[1] ?? 0);
    all.push({ conversationId: String(args[arg]), user: String(args[arg + OWN]), first });
    arg += OWN + sends * OF_SEND;
    row += sends;
  }
  return all;
}
