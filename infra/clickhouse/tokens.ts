/**
 * A lexer for ClickHouse SQL that is just exact enough to judge and split statements: where words, quoted names, strings and
 * comments begin and end. It follows ClickHouse's own lexer (backslash escapes, doubled quotes, heredocs, curly quotes); where
 * in doubt it sees more code and less comment, which is the safe side for the read-only rules.
 */

export type TokenKind = "word" | "name" | "string" | "number" | "sign";

/** One token; `text` is the word in lower case, the name or string without its quotes, or the sign itself. Offsets are UTF-16 units. */
export interface Token {
  kind: TokenKind;
  text: string;
  start: number;
  end: number;
}

const QUOTES: Readonly<Record<string, { close: string; kind: TokenKind }>> = {
  "'": { close: "'", kind: "string" },
  '"': { close: '"', kind: "name" },
  "`": { close: "`", kind: "name" },
  "\u2018": { close: "\u2019", kind: "string" },
  "\u201c": { close: "\u201d", kind: "name" },
};

const WORD = /[A-Za-z_][A-Za-z0-9_$]*/y;
const NUMBER = /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?)/y;
const HEREDOC = /\$([A-Za-z0-9_]*)\$/y;
const BLANK = /[\s\p{Cc}\p{Cf}\p{Z}]+/uy;

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

/** The offset after a comment that begins at `at`, or `at` where none begins. An unclosed block comment reaches to the end. */
const skipComment = (text: string, at: number): number => {
  const two = text.slice(at, at + 2);
  if (two === "--" || two === "# " || two === "#!") {
    const end = text.indexOf("\n", at);
    return end < 0 ? text.length : end + 1;
  }
  if (two !== "/*") return at;
  const end = text.indexOf("*/", at + 2);
  return end < 0 ? text.length : end + 2;
};

/** Reads a quoted token; a backslash hides the next character and a doubled quote stands for itself. An unclosed one reaches to the end. */
const readQuoted = (text: string, at: number, close: string, kind: TokenKind): Token => {
  let value = "";
  let i = at + 1;
  while (i < text.length) {
    const c = text[i]!;
    if (c === "\\") {
      value += text[i + 1] ?? "";
      i += 2;
    } else if (c === close) {
      if (text[i + 1] !== close) return { kind, text: value, start: at, end: i + 1 };
      value += close;
      i += 2;
    } else {
      value += c;
      i += 1;
    }
  }
  return { kind, text: value, start: at, end: text.length };
};

const readHeredoc = (text: string, at: number): Token | null => {
  const open = matchAt(HEREDOC, text, at);
  if (open === null) return null;
  const from = at + open[0].length;
  const close = text.indexOf(open[0], from);
  const end = close < 0 ? text.length : close + open[0].length;
  return { kind: "string", text: text.slice(from, close < 0 ? text.length : close), start: at, end };
};

const readToken = (text: string, at: number): Token => {
  const c = text[at]!;
  const quote = QUOTES[c];
  if (quote !== undefined) return readQuoted(text, at, quote.close, quote.kind);
  const heredoc = c === "$" ? readHeredoc(text, at) : null;
  if (heredoc !== null) return heredoc;
  const word = matchAt(WORD, text, at);
  if (word !== null) return { kind: "word", text: word[0].toLowerCase(), start: at, end: at + word[0].length };
  const number = matchAt(NUMBER, text, at);
  if (number !== null) return { kind: "number", text: number[0], start: at, end: at + number[0].length };
  return { kind: "sign", text: c, start: at, end: at + 1 };
};

/** Yields the tokens of a text one after the other, without blanks and comments; never throws. */
export function* tokensOf(text: string): Generator<Token> {
  let at = 0;
  while (at < text.length) {
    const blank = matchAt(BLANK, text, at);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const after = skipComment(text, at);
    if (after !== at) {
      at = after;
      continue;
    }
    const token = readToken(text, at);
    yield token;
    at = token.end;
  }
}
