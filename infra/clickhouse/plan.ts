import type { LanePool, Lane } from "./pool.ts";
import { type Role, type Run, quoted } from "./engine.ts";
import { ClickHouseError } from "./errors.ts";
import type { Statement } from "./intake.ts";
import type { HttpQuery } from "./request.ts";
import { type AnalystRules, checkAnalyst, checkDatabase, checkParameter, checkSetting } from "./rules.ts";
import { type StatementKind, hasSecondStatement, kindOf, readParts } from "./statement.ts";
import { type Token, tokensOf } from "./tokens.ts";

export type Lanes = Readonly<Record<Lane, LanePool>>;

/** How a statement will be run: its lane, and the text for the engine once the path of its output is known. */
export interface Plan {
  lane: Lane;
  kind: StatementKind;
  format: string;
  /** True when the rows go to the output path, false when the engine returns a short text (or nothing). */
  writesOutput: boolean;
  run(outputPath: string): Run;
}

const isAnalyst = (query: HttpQuery): boolean => query.user !== "tributary";

const setting = ([name, value]: [string, string]): string => `SET ${name} = ${quoted(value)}`;

/** Statements before the query: limits, then what the session and the URL say, then the lock. */
const preludeOf = (query: HttpQuery, session: readonly string[], rules: AnalystRules): string[] => {
  const limits = isAnalyst(query) ? Object.entries(rules.limits).map(([name, value]) => `SET ${name} = ${value}`) : [];
  const database = query.database || "default";
  return [
    ...limits,
    "SET output_format_parallel_formatting = 0",
    ...(isAnalyst(query)
      ? ["SET final = 1", "SET max_block_size = 16384", "SET max_query_size = 1048576"]
      : ["SET max_query_size = 67108864"]),
    ...(database === "default" ? [] : [`USE \`${database.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``]),
    ...session,
    ...query.settings.map(setting),
    ...query.parameters.map(([name, value]) => setting([`param_${name}`, value])),
    ...(isAnalyst(query) || !query.modifies ? ["SET readonly = 2"] : []),
  ];
};

const checkQuery = (query: HttpQuery, tokens: readonly Token[], rules: AnalystRules): void => {
  if (tokens.length === 0) throw new ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): Empty query");
  if (isAnalyst(query)) {
    if (query.database !== "") checkDatabase(query.database);
    for (const [name, value] of query.settings) checkSetting(name, value, rules.limits);
    for (const [, value] of query.parameters) checkParameter(value, rules);
    checkAnalyst(tokens, rules);
  } else if (hasSecondStatement(tokens)) {
    throw new ClickHouseError(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)");
  } else if (tokens.some((token, i) => token.text === "outfile" && tokens[i - 1]?.text === "into")) {
    throw new ClickHouseError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed");
  }
};

const insertRun = (statement: Statement): string => {
  const { head, file } = statement.data!;
  return `${head.target} FROM INFILE ${quoted(file)} COMPRESSION 'none' ${head.settings} FORMAT ${head.format}`;
};

const withoutEnd = (text: string, tokens: readonly Token[]): string => {
  const last = tokens.findLast((token) => token.kind !== "sign" || token.text !== ";");
  return text.slice(0, last?.end ?? text.length);
};

/**
 * Judges a statement and plans its run. Rows leave through `INTO OUTFILE` so that any format is written by the engine itself, block
 * after block, with the reader's back-pressure.
 * @throws ClickHouseError for all that the user may not do
 */
export const planStatement = (query: HttpQuery, statement: Statement, session: readonly string[], rules: AnalystRules): Plan => {
  const tokens = [...tokensOf(statement.text)];
  checkQuery(query, tokens, rules);
  const kind = kindOf(tokens);
  if (!query.modifies && (kind === "insert" || kind === "other"))
    throw new ClickHouseError(
      164,
      "READONLY",
      "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries.",
    );
  const role: Role = isAnalyst(query) ? "reader" : "writer";
  const parts = readParts(statement.text, tokens);
  const format = kind === "read" ? (parts.format ?? query.format) : query.format;
  const sqlFor = (path: string): string => {
    if (kind === "read") return `${parts.before}\nINTO OUTFILE ${quoted(path)} APPEND FORMAT ${format}${parts.after}`;
    return statement.data === null ? withoutEnd(statement.text, tokens) : insertRun(statement);
  };
  return {
    kind,
    format,
    lane: isAnalyst(query) ? "analyst" : kind === "read" ? "read" : "write",
    writesOutput: kind === "read",
    run: (path) => ({ role, prelude: preludeOf(query, session, rules), sql: sqlFor(path), format }),
  };
};
