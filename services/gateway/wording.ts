import type { TSchema } from "typebox";

/** An error of `typebox/compile`, as far as it is read here. */
interface SchemaError {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  message: string;
  params: object;
}

const typeWords: Record<string, string> = {
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  null: "null",
};

/** The first error in plain words with its field, such as `limit must be ≤ 200`. `root` names the whole value, "" for the parameters. */
export function wrongWith(schema: TSchema, errors: readonly SchemaError[], root: string): string {
  const first = errors.find(({ keyword }) => keyword !== "boolean");
  if (first === undefined) return `${root || "parameters"} not valid`;
  const at = fieldOf(first.instancePath, root);
  const inside = (name: unknown) => (at === "" ? shortened(String(name)) : `${at}.${shortened(String(name))}`);
  const params = first.params as Record<string, unknown>;
  if (first.keyword === "required") return `${inside(firstOf(params.requiredProperties))} is missing`;
  if (first.keyword === "additionalProperties") return `${inside(firstOf(params.additionalProperties))} is not known`;
  return `${at || "parameters"} ${must(schema, first, params)}`;
}

function must(schema: TSchema, error: SchemaError, { type, limit, comparison }: Record<string, unknown>): string {
  switch (error.keyword) {
    case "type":
      return `must be ${typeWords[String(type)] ?? String(type)}`;
    case "minimum":
    case "maximum":
      return `must be ${comparison === "<=" ? "≤" : "≥"} ${String(limit)}`;
    case "minLength":
      return limit === 1 ? "must not be empty" : `must have at least ${String(limit)} characters`;
    case "maxLength":
      return `must have at most ${String(limit)} characters`;
    case "minItems":
      return limit === 1 ? "must not be empty" : `must have at least ${String(limit)} items`;
    case "maxItems":
      return `must have at most ${String(limit)} items`;
    case "pattern":
      return `must be ${descriptionAt(schema, error.schemaPath) ?? "of the documented form"}`;
    case "const":
    case "anyOf":
      return `must be ${choices(schema, error.schemaPath) ?? "one of the documented forms"}`;
    default:
      return error.message;
  }
}

/** `/users/1` as `users[1]`. */
function fieldOf(path: string, root: string): string {
  let field = root;
  for (const part of path.split("/").slice(1)) {
    const name = shortened(part.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (/^\d+$/.test(name) && field !== "") field += `[${name}]`;
    else field += field === "" ? name : `.${name}`;
  }
  return field;
}

const shortened = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}…` : name);
const firstOf = (names: unknown) => (Array.isArray(names) ? names[0] : names);

function schemaAt(schema: TSchema, path: string): Record<string, unknown> | undefined {
  let at: unknown = schema;
  for (const part of path.split("/").slice(1))
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  return typeof at === "object" && at !== null ? (at as Record<string, unknown>) : undefined;
}

function descriptionAt(schema: TSchema, path: string): string | undefined {
  const description = schemaAt(schema, path)?.description;
  return typeof description === "string" ? description : undefined;
}

/** The values a union of constants allows; `path` is the union's or one of its members'. */
function choices(schema: TSchema, path: string): string | undefined {
  const anyOf = schemaAt(schema, path.replace(/\/anyOf\/\d+$/, ""))?.anyOf;
  const values = Array.isArray(anyOf) ? anyOf.map((each: { const?: unknown }) => each.const) : [schemaAt(schema, path)?.const];
  return values.includes(undefined) ? undefined : `one of ${values.join(", ")}`;
}
