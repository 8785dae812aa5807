import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { page, table } from "./markdown.ts";

/** The page about the archive's tables and views, read from the migrations' SQL. */

interface Column {
  name: string;
  type: string;
  comment: string;
}
interface Relation {
  name: string;
  kind: "table" | "view";
  comment: string;
  columns: Column[];
  order: string;
}

const directory = join(import.meta.dirname, "../migrations/clickhouse");

/** Cuts at a character that stands outside quotes and brackets. */
function cut(text: string, at: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === "'" && text.charAt(i - 1) !== "\\") quoted = !quoted;
    if (quoted) continue;
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character !== at || depth > 0) continue;
    parts.push(text.slice(from, i));
    from = i + 1;
  }
  return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== "");
}

/** The last COMMENT of a piece of SQL. */
const commentOf = (text: string): string =>
  [...text.matchAll(/\bCOMMENT '((?:[^'\\]|''|\\.)*)'/g)].at(-1)?.[1]?.replaceAll("''", "'").replaceAll("\\'", "'") ?? "";

function columnOf(text: string): Column | null {
  const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/s.exec(text) ?? [];
  if (name === "" || name === "INDEX" || name === "PROJECTION" || name === "CONSTRAINT") return null;
  const type = /^.*?(?=\s+(?:COMMENT|CODEC|DEFAULT|MATERIALIZED|ALIAS|TTL)\b|$)/s.exec(rest)?.[0] ?? "";
  return { name, type, comment: commentOf(rest) };
}

function relationOf(statement: string): Relation | null {
  const created = /^CREATE (?:OR REPLACE )?(TABLE|VIEW)(?: IF NOT EXISTS)? tributary\.(\w+)\s*\(/.exec(statement);
  if (created === null) return null;
  const open = created[0].length - 1;
  let depth = 0;
  let close = open;
  for (let i = open, quoted = false; i < statement.length; i++) {
    const character = statement.charAt(i);
    if (character === "'") quoted = !quoted;
    if (!quoted && character === "(") depth++;
    if (!quoted && character === ")") depth--;
    if (depth > 0) continue;
    close = i;
    break;
  }
  const after = statement.slice(close + 1);
  const isView = created[1] === "VIEW";
  return {
    name: created[2] ?? "",
    kind: isView ? "view" : "table",
    comment: commentOf(after),
    columns: cut(statement.slice(open + 1, close), ",").flatMap((part) => columnOf(part) ?? []),
    order: isView ? "" : (/\bORDER BY (\([^)]*\)|\w+)/.exec(after)?.[1] ?? ""),
  };
}

/** What a later migration adds to a table that is there. */
function alter(relations: Map<string, Relation>, statement: string): void {
  const [, name = "", actions = ""] = /^ALTER TABLE tributary\.(\w+)\s+(.*)$/s.exec(statement) ?? [];
  for (const action of cut(actions, ",")) {
    const added = /^ADD COLUMN (?:IF NOT EXISTS )?(.*)$/s.exec(action)?.[1];
    const column = added === undefined ? null : columnOf(added);
    if (column !== null) relations.get(name)?.columns.push(column);
  }
}

/** All tables and views after the last migration. */
export function archiveRelations(): Relation[] {
  const relations = new Map<string, Relation>();
  for (const file of globSync("*.sql", { cwd: directory }).toSorted()) {
    const text = readFileSync(join(directory, file), "utf8").replaceAll(/^\s*--.*$/gm, "");
    for (const statement of cut(text, ";")) {
      const made = relationOf(statement);
      if (made === null) alter(relations, statement);
      else relations.set(made.name, made);
    }
  }
  return [...relations.values()];
}

function part({ name, comment, columns, order }: Relation): string {
  const words = order === "" ? comment : `${comment}. Ordered by \`${order}\`.`;
  return [
    `### \`${name}\``,
    words,
    table(
      ["column", "type", ""],
      columns.map((one) => [`\`${one.name}\``, `\`${one.type}\``, one.comment]),
    ),
  ].join("\n\n");
}

export function tablesPage(): string {
  const relations = archiveRelations();
  const of = (kind: Relation["kind"]) => relations.filter((one) => one.kind === kind).map(part);
  return page("Tables", "`infra/migrations/clickhouse`", [
    "The database `tributary` in ClickHouse, for any of its clients. Every row shows once to any `SELECT`.",
    "## Tables",
    ...of("table"),
    "## Views",
    ...of("view"),
  ]);
}
