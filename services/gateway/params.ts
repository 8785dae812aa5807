import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Refusal } from "#shared/wire/errors.ts";
import { methodTable } from "#shared/wire/methods.ts";
import { bodies, MAX_BODY_BYTES, MAX_META_BYTES, type MessageKind } from "#shared/wire/values.ts";
import { wrongWith } from "./wording.ts";

/** Deeper JSON is refused: some clients' parsers break at a few hundred levels, and a message goes to all of a conversation's devices. */
const MAX_DEPTH = 200;
/** A number may grow when it is written out (`1e20` has 21 digits), nothing grows more than this. */
const MAX_GROWTH = 6;

type Check = (value: unknown) => string | undefined;

/** Gives what is wrong with the parameters in plain words, or undefined. */
const checks: ReadonlyMap<string, Check> = new Map(
  Object.entries(methodTable).map(([method, { params }]) => [method, checkOf(params, "")]),
);
const bodyChecks: ReadonlyMap<string, Check> = new Map(Object.entries(bodies).map(([kind, schema]) => [kind, checkOf(schema, "body")]));

/**
 * Throws a `Refusal` (107 naming the field, 103 for a `system` message) unless `params` are valid for the method. `bytes` is the size of the
 * JSON they came in.
 */
export function checkParams(method: string, params: unknown, bytes: number): void {
  const wrong = checks.get(method)?.(params);
  if (wrong !== undefined) throw new Refusal(107, wrong);
  if (method === "message.send") checkBody(params as { kind: MessageKind; body: unknown }, bytes);
  else if (method === "conversation.create" || method === "conversation.update") checkMeta(params as { meta?: unknown }, bytes);
}

function checkBody({ kind, body }: { kind: MessageKind; body: unknown }, bytes: number): void {
  if (kind === "system") throw new Refusal(103, "system messages are made by the server");
  if (body === undefined) throw new Refusal(107, "body is missing");
  const wrong = bodyChecks.get(kind)?.(body);
  if (wrong !== undefined) throw new Refusal(107, wrong);
  if (isMedia(kind) && !hasSource(body)) throw new Refusal(107, "body needs url or mediaId");
  checkJson("body", body, bytes, MAX_BODY_BYTES);
}

function isMedia(kind: MessageKind): boolean {
  return kind === "image" || kind === "video" || kind === "audio" || kind === "file";
}

function hasSource(body: unknown): boolean {
  return typeof body === "object" && body !== null && ("url" in body || "mediaId" in body);
}

function checkMeta({ meta }: { meta?: unknown }, bytes: number): void {
  if (meta !== undefined) checkJson("meta", meta, bytes, MAX_META_BYTES);
}

/** Serializes only what could be too large by the size it came in. */
function checkJson(name: string, value: unknown, bytes: number, most: number): void {
  if (bytes > 2 * MAX_DEPTH && isDeeper(value, MAX_DEPTH))
    throw new Refusal(107, `${name} must not be nested deeper than ${MAX_DEPTH} levels`);
  if (bytes * MAX_GROWTH <= most) return;
  if (Buffer.byteLength(JSON.stringify(value)) > most) throw new Refusal(107, `${name} must have at most ${most} bytes of JSON`);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const each of Object.values(value)) if (isDeeper(each, levels - 1)) return true;
  return false;
}

function checkOf(schema: TSchema, root: string): Check {
  const branches = branchesByKind(schema);
  if (branches === undefined) return simpleCheck(schema, root);
  const byKind = new Map(branches.map(([kind, branch]) => [kind, simpleCheck(branch, root)]));
  return (value) => {
    const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
    const check = typeof kind === "string" ? byKind.get(kind) : undefined;
    return check === undefined ? `kind must be one of ${[...byKind.keys()].join(", ")}` : check(value);
  };
}

function simpleCheck(schema: TSchema, root: string): Check {
  const compiled = Compile(schema);
  return (value) => (compiled.Check(value) ? undefined : wrongWith(schema, compiled.Errors(value), root));
}

/** The members of a union whose objects tell themselves apart by a constant `kind`. */
function branchesByKind(schema: TSchema): [string, TSchema][] | undefined {
  const { anyOf } = schema as { anyOf?: (TSchema & { properties?: { kind?: { const?: unknown } } })[] };
  const named = anyOf?.map((branch): [unknown, TSchema] => [branch.properties?.kind?.const, branch]);
  return named?.every((each): each is [string, TSchema] => typeof each[0] === "string") ? named : undefined;
}
