import type { TSchema } from "typebox";

/** Pieces of the reference pages. */

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** A Markdown table; cells may hold anything. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** A page: its title, a word on where it comes from, and its parts. */
export const page = (title: string, source: string, parts: readonly string[]): string =>
  `${[`# ${title}`, `Made by \`npm run docs\` from ${source}; edit that, not this page.`, ...parts].join("\n\n")}\n`;

/** A JSON schema as far as the tables here use it. */
interface Shape {
  /** Of an object that the page describes by itself. */
  title?: string;
  type?: string;
  const?: unknown;
  anyOf?: Shape[];
  items?: Shape;
  properties?: Record<string, Shape>;
  patternProperties?: Record<string, Shape>;
  required?: string[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

const big = (value: number) => (value === Number.MAX_SAFE_INTEGER ? "2^53 − 1" : value.toLocaleString("en-US"));

function range(low: number | undefined, high: number | undefined, unit = ""): string {
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return low === 0 ? "" : ` (≥ ${big(low ?? 0)}${unit})`;
  return low === undefined ? ` (≤ ${big(high)}${unit})` : ` (${big(low)}–${big(high)}${unit})`;
}

const numbers = (shape: Shape): string =>
  shape.minimum === 0 && shape.maximum === Number.MAX_SAFE_INTEGER ? " (≥ 0)" : range(shape.minimum, shape.maximum);

/** The type of a value with its bounds, in words. */
export function typeOf(schema: TSchema): string {
  return wordsOf(schema as Shape);
}

function wordsOf(shape: Shape): string {
  if (shape.title !== undefined) return shape.title;
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.anyOf !== undefined) return shape.anyOf.map(wordsOf).join(" | ");
  switch (shape.type) {
    case "string":
      return `string${range(shape.minLength, shape.maxLength, " characters")}`;
    case "integer":
    case "number":
      return `${shape.type}${numbers(shape)}`;
    case "array":
      return `${wordsOf(shape.items ?? {})}[]${range(shape.minItems, shape.maxItems)}`;
    case "object":
      return objectWords(shape);
    default:
      return shape.type ?? "any JSON";
  }
}

function objectWords({ properties, patternProperties, required = [] }: Shape): string {
  const pattern = Object.values(patternProperties ?? {})[0];
  if (pattern !== undefined) return `{ [key]: ${wordsOf(pattern)} }`;
  const fields = Object.entries(properties ?? {}).map(([name, shape]) => `${name}${required.includes(name) ? "" : "?"}: ${wordsOf(shape)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

/** Descriptions of a value and of what it is a list or a choice of. */
function describedBy({ description, items, anyOf }: Shape): string {
  return [description, items?.description, ...(anyOf ?? []).map((one) => one.description)].filter((text) => text !== undefined).join("; ");
}

/** One row a field: name, type with bounds, whether it must be given, what else there is to know. */
export function fieldRows(schema: TSchema): string[][] {
  const { properties = {}, required = [] } = schema as Shape;
  return Object.entries(properties).map(([name, shape]) => {
    const fallback = shape.default === undefined ? "" : `default ${JSON.stringify(shape.default)}`;
    const notes = [describedBy(shape), fallback].filter((text) => text !== "").join("; ");
    return [`\`${name}\``, `\`${wordsOf(shape)}\``, required.includes(name) ? "yes" : "", notes];
  });
}

/** The alternatives of a schema, or the schema alone. */
export const variantsOf = (schema: TSchema): TSchema[] => (schema as { anyOf?: TSchema[] }).anyOf ?? [schema];
