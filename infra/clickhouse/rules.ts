import { ClickHouseError } from "./errors.ts";
import { hasSecondStatement, kindOf } from "./statement.ts";
import type { Token } from "./tokens.ts";

/** What an analyst may not pass, as read from the engine at the start, and the limits of an analyst's query. */
export interface AnalystRules {
  /** Every table function the engine knows, lower case. */
  tableFunctions: ReadonlySet<string>;
  /** Scalar functions that reach files, models or the network, lower case. */
  deniedFunctions: ReadonlySet<string>;
  limits: AnalystLimits;
}

/** Upper ends of settings; 0 and less never pass, as ClickHouse reads them as "no limit". */
export type AnalystLimits = Readonly<Record<string, number>>;

const OPEN_TABLE_FUNCTIONS = new Set(
  ["numbers", "numbers_mt", "generateSeries", "generate_series", "values", "view", "generateRandom", "null", "format"].map((name) =>
    name.toLowerCase(),
  ),
);

const OPEN_DATABASES = new Set(["tributary", "default", "information_schema"]);

const OPEN_SYSTEM_TABLES = new Set(
  (
    "one numbers numbers_mt tables columns databases functions formats settings build_options parts parts_columns data_type_families " +
    "table_engines table_functions time_zones keywords collations aggregate_function_combinators data_skipping_indices contributors " +
    "licenses completions current_roles views projections"
  ).split(" "),
);

const CLOSED_SETTINGS = new Set(["profile", "readonly", "role", "allow_ddl", "allow_introspection_functions", "log_comment"]);

/** Settings that an analyst's session starts with; those with a limit may only be lowered. */
export const analystLimits = (seconds: number, memoryBytes: number, threads: number): AnalystLimits => ({
  max_execution_time: seconds,
  max_memory_usage: memoryBytes,
  max_threads: threads,
});

const denied = (message: string) => new ClickHouseError(497, "ACCESS_DENIED", `${message}`);
const beyond = (name: string, limit: number) =>
  new ClickHouseError(452, "SETTING_CONSTRAINT_VIOLATION", `Setting ${name} shouldn't be greater than ${limit}`, 500);

/** Refuses a setting that analysts may not touch (164 READONLY) or may only lower (452). */
export const checkSetting = (name: string, value: string, limits: AnalystLimits): void => {
  if (CLOSED_SETTINGS.has(name)) throw new ClickHouseError(164, "READONLY", `Cannot modify '${name}' setting in readonly mode.`);
  const limit = limits[name];
  if (limit === undefined) return;
  const number = /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY;
  if (number <= 0 || number > limit) throw beyond(name, limit);
};

/** Checks every `name = value` behind each SETTINGS of a statement, or behind its SET. */
const checkSettingsClauses = (tokens: readonly Token[], limits: AnalystLimits): void => {
  for (let i = 0; i < tokens.length; i += 1) {
    const previous = tokens[i - 1]?.text;
    const inList = tokens[i + 1]?.text === "=" && (previous === "settings" || previous === "set" || previous === ",");
    const token = tokens[i]!;
    if (!inList || (token.kind !== "word" && token.kind !== "name")) continue;
    const before = tokens.slice(0, i).some((each) => each.kind === "word" && (each.text === "settings" || each.text === "set"));
    if (before) checkSetting(token.text.toLowerCase(), tokens[i + 2]?.text ?? "", limits);
  }
};

const isName = (token: Token | undefined): boolean => token?.kind === "word" || token?.kind === "name";

const checkFunctions = (tokens: readonly Token[], rules: AnalystRules): void => {
  for (const [i, token] of tokens.entries()) {
    if (!isName(token)) continue;
    const name = token.text.toLowerCase();
    if (rules.deniedFunctions.has(name)) throw denied(`\`${token.text}\` reaches outside of the database and can't be used by this user`);
    const called = tokens[i + 1]?.kind === "sign" && tokens[i + 1]?.text === "(";
    if (called && rules.tableFunctions.has(name) && !OPEN_TABLE_FUNCTIONS.has(name))
      throw denied(`Table function \`${token.text}\` can't be used by this user`);
    if (name === "outfile" || name === "infile")
      throw new ClickHouseError(358, "INTO_OUTFILE_NOT_ALLOWED", "OUTFILE and INFILE are not allowed");
  }
};

/** Checks each `system.table`; a name of that database in any other place (SHOW TABLES FROM system) shows names only and passes. */
const checkSystemTables = (tokens: readonly Token[]): void => {
  for (const [i, token] of tokens.entries()) {
    if (!isName(token) || token.text.toLowerCase() !== "system" || tokens[i + 1]?.text !== ".") continue;
    const table = tokens[i + 2];
    if (table === undefined || !isName(table) || !OPEN_SYSTEM_TABLES.has(table.text.toLowerCase()))
      throw denied(`system.${table?.text ?? ""} can't be read by this user`);
  }
};

/** A database that an analyst may choose as the current one. */
export const checkDatabase = (name: string): void => {
  if (!OPEN_DATABASES.has(name.toLowerCase())) throw denied(`Database ${name} can't be used by this user`);
};

/** A value for a `{name:Identifier}`: it must not name what the other rules keep closed. */
export const checkParameter = (value: string, rules: AnalystRules): void => {
  const parts = value.toLowerCase().split(/[.`"\s]+/);
  if (parts.some((part) => part === "system" || rules.deniedFunctions.has(part)))
    throw denied(`Parameter value ${value} can't be used by this user`);
};

/**
 * Passes only one statement that reads (or SET and USE for a session), and in it only what lies inside the database. Beside these rules the engine's own hold: the
 * session has a role with SELECT on `tributary` and no sources, and `readonly = 2`.
 * @throws ClickHouseError 62, 164, 358, 452 or 497
 */
export const checkAnalyst = (tokens: readonly Token[], rules: AnalystRules): void => {
  if (hasSecondStatement(tokens)) throw new ClickHouseError(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)");
  const kind = kindOf(tokens);
  if (kind === "use") checkDatabase(tokens[1]?.text === "database" ? (tokens[2]?.text ?? "") : (tokens[1]?.text ?? ""));
  else if (kind !== "read" && kind !== "set") throw new ClickHouseError(164, "READONLY", "Cannot execute query in readonly mode.");
  checkFunctions(tokens, rules);
  checkSystemTables(tokens);
  checkSettingsClauses(tokens, rules.limits);
};
