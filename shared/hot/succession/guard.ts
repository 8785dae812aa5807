import { createHash } from "node:crypto";
import type { Script, ScriptName } from "../scripts.ts";

/**
 * Scripts on a cluster whose replicas are not waited for. Each ends without effect where its node is not the one that is known to have the whole of the
 * partition; those that write are numbered, and note who called.
 */

/** Scripts that write what must not be lost. Leases, cursors and trims are done again anyway. */
const WRITING: ReadonlySet<ScriptName> = new Set([
  "attach",
  "bar",
  "claim",
  "commit",
  "create",
  "deliver",
  "join",
  "leave",
  "mode",
  "read",
  "relate",
  "update",
]);
export const writes = (name: ScriptName): boolean => WRITING.has(name);

/** What a guarded script says first: the number of the write, 0 of one that only reads; or this. */
export const MOVED = "moved";

const TAKE = `local life = table.remove(KEYS)
local now = table.remove(ARGV)
local process = table.remove(ARGV)
local me = redis.call('CLUSTER', 'MYID')
local known = redis.call('HMGET', life, 'm', 'n')
if known[1] and known[1] ~= me then return { '${MOVED}' } end
local number = 0
`;
const NUMBER = `number = tonumber(known[2] or '0') + 1
redis.call('HSET', life, 'm', me, 'n', number, '@' .. process, now)
`;

/** The same without a master's consent: the write has the number given, if it is the next one to be done again. */
const AGAIN = `local life = table.remove(KEYS)
local number = table.remove(ARGV)
if redis.call('HGET', life, 'n') ~= table.remove(ARGV) then return { '${MOVED}' } end
redis.call('HSET', life, 'n', number)
`;

function wrapped({ name, source }: Script, before: string): Script {
  const text = `${before}local function script()\n${source}\nend\nreturn { number, script() }\n`;
  return { name, source: text, sha: createHash("sha1").update(text).digest("hex") };
}

/** The script with the partition's life as one more key, and the caller and the time (ms) as two more arguments. */
export const guardedScript = (script: Script): Script => wrapped(script, writes(script.name as ScriptName) ? TAKE + NUMBER : TAKE);

/** The script with the partition's life as one more key, and as two more arguments the number before it and its own. */
export const repeatedScript = (script: Script): Script => wrapped(script, AGAIN);
