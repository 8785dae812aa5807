import { type Token, tokensOf } from "./tokens.ts";

/** What a statement does, as far as the server has to know: reads give rows through a pipe, inserts take data, the rest just runs. */
export type StatementKind = "read" | "insert" | "insert-select" | "set" | "use" | "other" | "empty";

const READS = new Set(["select", "with", "from", "show", "describe", "desc", "exists", "explain", "check", "("]);

/** The kind of a statement by its first word; an INSERT with a SELECT counts as `insert-select`. */
export const kindOf = (tokens: readonly Token[]): StatementKind => {
  const first = tokens[0]?.text;
  if (first === undefined) return "empty";
  if (READS.has(first)) return "read";
  if (first === "set" && tokens[1]?.text !== "role" && tokens[1]?.text !== "default") return "set";
  if (first === "use") return "use";
  return first === "insert" ? "insert" : "other";
};

/** An INSERT that takes data: the text before the data, its format, and where the data begins in the text. */
export interface InsertHead {
  target: string;
  settings: string;
  format: string;
  dataStart: number;
}

const dataStartAfterFormat = (text: string, from: number): number => {
  const match = /^[^\S\n]*\r?\n?/.exec(text.slice(from, from + 4096));
  return from + (match?.[0].length ?? 0);
};

interface InsertMarks {
  settings: Token | null;
  depth: number;
}

const headOf = (text: string, marks: InsertMarks, keyword: Token, format: string, dataStart: number): InsertHead => {
  const cut = marks.settings?.start ?? keyword.start;
  return { target: text.slice(0, cut), settings: text.slice(cut, keyword.start), format, dataStart };
};

/**
 * Splits an INSERT at its data: `FORMAT name` or `VALUES`. Null when it has none (INSERT … SELECT), `"more"` when the text ends
 * before that can be known; `complete` says that nothing follows the text.
 */
export const insertHead = (text: string, complete: boolean): InsertHead | "more" | null => {
  const marks: InsertMarks = { settings: null, depth: 0 };
  const tokens = tokensOf(text);
  for (const token of tokens) {
    if (token.text === "(" && token.kind === "sign") marks.depth += 1;
    else if (token.text === ")" && token.kind === "sign") marks.depth -= 1;
    if (marks.depth > 0 || token.kind !== "word") continue;
    if (token.text === "select" || token.text === "with" || token.text === "from") return null;
    if (token.text === "settings") marks.settings = token;
    if (token.text === "values") return headOf(text, marks, token, "Values", token.end);
    if (token.text !== "format") continue;
    const name = tokens.next();
    if (name.done === true || (name.value.end === text.length && !complete)) return "more";
    if (name.value.text === "values") return headOf(text, marks, token, "Values", name.value.end);
    const format = text.slice(name.value.start, name.value.end);
    return headOf(text, marks, token, format, dataStartAfterFormat(text, name.value.end));
  }
  return "more";
};

/** A reading statement cut where `INTO OUTFILE` belongs: before its last FORMAT, or at its end. */
export interface ReadParts {
  before: string;
  format: string | null;
  after: string;
}

/** Splits a reading statement at its trailing `FORMAT name [SETTINGS …]`; a trailing semicolon is dropped. */
export const readParts = (text: string, tokens: readonly Token[]): ReadParts => {
  let depth = 0;
  let found = -1;
  let last = tokens.length - 1;
  while (last >= 0 && tokens[last]!.kind === "sign" && tokens[last]!.text === ";") last -= 1;
  for (let i = 0; i <= last; i += 1) {
    const token = tokens[i]!;
    if (token.kind === "sign" && "([{".includes(token.text)) depth += 1;
    else if (token.kind === "sign" && ")]}".includes(token.text)) depth -= 1;
    const next = tokens[i + 1];
    if (depth !== 0 || token.kind !== "word" || token.text !== "format" || next?.kind !== "word" || i + 1 > last) continue;
    if (i + 1 === last || tokens[i + 2]?.text === "settings") found = i;
  }
  const end = tokens[last]?.end ?? text.length;
  if (found < 0) return { before: text.slice(0, end), format: null, after: "" };
  const name = tokens[found + 1]!;
  return { before: text.slice(0, tokens[found]!.start), format: text.slice(name.start, name.end), after: text.slice(name.end, end) };
};

/** True when something follows a semicolon that ends a statement. */
export const hasSecondStatement = (tokens: readonly Token[]): boolean => {
  const end = tokens.findIndex((token) => token.kind === "sign" && token.text === ";");
  return end >= 0 && tokens.slice(end).some((token) => token.text !== ";" || token.kind !== "sign");
};
